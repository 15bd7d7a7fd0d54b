import html.parser
import re
import shutil
import subprocess
from typing import ClassVar
from xml.etree import ElementTree

import pytest

from lab.errors import UsageError
from lab.records.paths import RunPaths
from lab.reports.report import write_report

HOSTILE = '<script>alert("x")</script>&\'"'
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PROBE = """<script>
document.documentElement.dataset.shown = [...document.images].map(
  image => `${image.naturalWidth}x${image.naturalHeight}:${image.clientWidth}x${image.clientHeight}`
).join(" ");
</script></body>"""


@pytest.fixture(scope="module")
def page(run):
    return write_report(run).read_text()


def test_report_writes_everything_it_names(run, page):
    paths = RunPaths(run)
    assert sorted(path.name for path in paths.figures.iterdir()) == [
        "fan.png",
        "fan.svg",
        "incidence.png",
        "incidence.svg",
    ]
    assert sorted(path.name for path in paths.tables.iterdir()) == [
        "cohorts.csv",
        "contrasts.csv",
        "costs.csv",
    ]
    for words in ("The question", "The answer", "The evidence", "The pictures", "How it was done"):
        assert words in page
    assert "scripts/run unet_size --out=runs/one" in page
    assert "What it does not show" in page


def test_page_is_well_formed(page):
    ElementTree.fromstring(page.partition("<!DOCTYPE html>")[2])


def test_page_needs_nothing_but_itself(page):
    class Links(html.parser.HTMLParser):
        found: ClassVar[list[str]] = []

        def handle_starttag(self, tag, attrs):
            assert tag not in ("script", "link", "iframe", "object")
            self.found += [value for name, value in attrs if name in ("src", "href", "srcset")]

    Links().feed(page)
    assert len(Links.found) == 2
    assert all(value.startswith("data:image/svg+xml;base64,") for value in Links.found)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style
    assert "http" not in re.sub(r'src="[^"]*"', "", page)


def test_report_is_made_again_byte_for_byte(run, page):
    files = [path for path in run.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    assert write_report(run).read_text() == page
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_hostile_words_stay_words(make_run):
    page = write_report(make_run(question=HOSTILE)).read_text()
    assert "<script" not in page
    root = ElementTree.fromstring(page.partition("<!DOCTYPE html>")[2])
    assert root.find(".//h1").text == HOSTILE


def test_unfinished_run_is_marked(make_run):
    page = write_report(make_run(keep=5)).read_text()
    assert 'class="warning"' in page
    assert "not finished" in page


def test_run_without_members_still_gets_a_page(make_run):
    assert "nothing to draw" in write_report(make_run(keep=0)).read_text()


def test_folder_without_verdict_is_a_users_mistake(make_run):
    run = make_run()
    RunPaths(run).verdict.unlink()
    with pytest.raises(UsageError, match=r"verdict\.json"):
        write_report(run)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: apt-get install chromium")
def test_browser_shows_both_pictures(page, tmp_path):
    probed = tmp_path / "page.html"
    probed.write_text(page.replace("</body>", PROBE))
    shown = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=1280,900",
            "--virtual-time-budget=2000",
            "--dump-dom",
            probed.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    sizes = re.search(r'data-shown="([^"]*)"', shown).group(1)
    natural, laid_out = zip(*(size.split(":") for size in sizes.split()), strict=True)
    assert len(natural) == 2
    for size in (*natural, *laid_out):
        width, height = map(int, size.split("x"))
        assert width >= 700
        assert height >= 250
