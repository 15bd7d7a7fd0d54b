"""What is missing is prepared, or refused quickly and in one line with a remedy."""

import importlib.util
import io
import json
import logging
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
import requests

from lab.data import loading, network, preparation
from lab.errors import UsageError
from lab.specs import DataSpec
from lab.words import Task

DIGITS = DataSpec("sklearn_digits", Task.CLASSIFICATION)
ROOT = pathlib.Path(__file__).resolve().parents[2]


def refusal(name: str, folder: pathlib.Path) -> str:
    """The message of the error, which must be one line."""
    with pytest.raises(UsageError) as caught:
        loading.load(DataSpec(name, Task.CLASSIFICATION), folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests.ConnectionError("no route")

    monkeypatch.setattr(requests, "head", refuse)


@pytest.fixture
def network_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "reachable", lambda urls: True)


def test_own_set_is_prepared_once_and_says_so(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO, logger="lab.data.preparation"):
        loading.load(DIGITS, tmp_path / "new" / "folder")
        loading.load(DIGITS, tmp_path / "new" / "folder")
    said = [record.message for record in caplog.records if record.name.startswith("lab.")]
    assert said == [f"preparing sklearn_digits in {tmp_path}/new/folder (once, some seconds)"]
    assert capfd.readouterr().out == ""


def test_folder_by_default_is_the_variable_of_tfds(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TFDS reads it at import only; here it holds at once."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert preparation.default_folder() == tmp_path
    loading.load(DIGITS)
    assert (tmp_path / "sklearn_digits" / "1.0.0" / "dataset_info.json").exists()
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert preparation.default_folder() == pathlib.Path.home() / "tensorflow_datasets"


def test_interrupted_preparation_does_not_hurt(tmp_path: pathlib.Path) -> None:
    left_over = tmp_path / "sklearn_digits" / "incomplete.ABC123_1.0.0"
    left_over.mkdir(parents=True)
    (left_over / "sklearn_digits-train.array_record-00000-of-00001").write_bytes(b"half")
    assert len(loading.load(DIGITS, tmp_path).train.inputs) == 1297
    assert len(loading.load(DIGITS, tmp_path).train.inputs) == 1297


def test_interrupted_copy_is_named(own_folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    loading.load(DIGITS, own_folder)
    shutil.copytree(own_folder / "sklearn_digits", tmp_path / "sklearn_digits")
    (tmp_path / "sklearn_digits" / "1.0.0" / "dataset_info.json").unlink()
    message = refusal("sklearn_digits", tmp_path)
    assert "half a copy" in message
    assert str(tmp_path / "sklearn_digits" / "1.0.0") in message


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated"])
def test_damaged_files_are_named(
    own_folder: pathlib.Path, tmp_path: pathlib.Path, damage: str
) -> None:
    loading.load(DIGITS, own_folder)
    shutil.copytree(own_folder / "sklearn_digits", tmp_path / "sklearn_digits")
    (stored,) = (tmp_path / "sklearn_digits" / "1.0.0").glob("*-train.array_record-*")
    match damage:
        case "missing":
            stored.unlink()
        case "empty":
            stored.write_bytes(b"")
        case "truncated":
            stored.write_bytes(stored.read_bytes()[: stored.stat().st_size // 2])
    assert "delete that folder and prepare the set again" in refusal("sklearn_digits", tmp_path)


@pytest.mark.parametrize("name", ["sklearn_digits", "mnist"])
def test_unreadable_description_is_named(
    own_folder: pathlib.Path, known_folder: pathlib.Path, tmp_path: pathlib.Path, name: str
) -> None:
    loading.load(DIGITS, own_folder)
    source = own_folder if name == "sklearn_digits" else known_folder
    shutil.copytree(source / name, tmp_path / name)
    (info,) = (tmp_path / name).glob("*/dataset_info.json")
    info.write_text('{"name": ')
    assert "prepare it again" in refusal(name, tmp_path)


def test_two_processes_may_prepare_at_once(tmp_path: pathlib.Path) -> None:
    program = (
        "import pathlib, sys; from lab.data import preparation as p;"
        "print(len(p.open_prepared('sklearn_digits', pathlib.Path(sys.argv[1])).info.splits))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [process.communicate()[0].strip() for process in running] == ["3", "3"]


def test_lost_race_takes_the_winners_files(
    own_folder: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab.data.sklearn_digits import SklearnDigits

    loading.load(DIGITS, own_folder)

    def lose(self: SklearnDigits) -> None:
        shutil.copytree(own_folder / "sklearn_digits", tmp_path / "sklearn_digits")
        raise OSError(39, "Directory not empty")

    monkeypatch.setattr(SklearnDigits, "download_and_prepare", lose)
    assert len(loading.load(DIGITS, tmp_path).train.inputs) == 1297


@pytest.mark.parametrize("name", ["sklearn_digits", "mnist"])
def test_unwritable_folder(tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    message = refusal(name, tmp_path / "file" / "folder")
    assert "cannot be written" in message
    assert "TFDS_DATA_DIR" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(tmp_path: pathlib.Path) -> None:
    tmp_path.chmod(0o500)
    assert "cannot be written" in refusal("sklearn_digits", tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mnits", "did you mean mnist"),
        ("oxford_iit_pet", "did you mean oxford_iiit_pet"),
        ("digits_on_fotographs", "did you mean digits_on_photographs"),
        ("zzzzqqq", "try one of digits_on_photographs, linear_teacher, modular_addition"),
        ("foo bar", "no data set's name"),
        ("../mnist", "no data set's name"),
        ("huggingface:mnist", "community set"),
        ("sklearn_digits:9.0.0", "only: 1.0.0"),
        ("sklearn_digits/small", "small"),
        ("sklearn_digits/colour=3", "colour"),
        ("sparse_parity:9.0.0", "only: 1.0.0"),
        ("sparse_parity/colour=3", "colour"),
        ("sparse_parity/bits30/colour=3", "colour"),
        ("mnist:9.0.0", "only: 3.0.1"),
        ("voc/2040", "2040"),
        ("mnist/colour=3", "name a config and version that exist"),
    ],
)
def test_names_that_are_none(tmp_path: pathlib.Path, name: str, expected: str) -> None:
    assert expected in refusal(name, tmp_path)


@pytest.mark.parametrize("name", ["sklearn_digits/small", "sklearn_digits/colour=3"])
def test_config_that_a_prepared_set_has_not_is_refused(own_folder: pathlib.Path, name: str) -> None:
    loading.load(DIGITS, own_folder)
    assert name in refusal(name, own_folder)


@pytest.mark.usefixtures("no_network")
def test_not_prepared_and_no_network(tmp_path: pathlib.Path) -> None:
    message = refusal("mnist", tmp_path)
    assert message.startswith(f"mnist is not prepared in {tmp_path} and cannot be downloaded")
    assert "connect to the network, or copy a prepared mnist/ folder there" in message


def test_silent_network_is_given_up_in_seconds(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name look-up may hang for minutes, whatever time limit was asked for."""
    released = threading.Event()

    def hang(*_: object, **__: object) -> None:
        released.wait(60)
        raise requests.ConnectionError("at last")

    monkeypatch.setattr(requests, "head", hang)
    started = time.monotonic()
    message = refusal("oxford_iiit_pet", tmp_path)
    released.set()
    assert time.monotonic() - started < 5
    assert "cannot be downloaded" in message


def test_prepared_set_asks_no_network(
    known_folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "reachable", lambda urls: pytest.fail("asked the network"))
    loading.load(DataSpec("mnist", Task.CLASSIFICATION), known_folder)


def test_other_version_that_is_prepared_is_read(
    known_folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    copy = tmp_path / "mnist" / "3.0.0"
    shutil.copytree(known_folder / "mnist" / "3.0.1", copy)
    info = copy / "dataset_info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"version": "3.0.0"}))
    for name in ("mnist", "mnist:3.0.0"):
        data = loading.load(DataSpec(name, Task.CLASSIFICATION), tmp_path)
        assert len(data.train.inputs) == 34


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is not None, reason="has TensorFlow")
@pytest.mark.usefixtures("network_up")
@pytest.mark.parametrize("name", ["mnist", "oxford_iiit_pet", "coco"])
def test_preparation_that_needs_tensorflow_is_refused_before_the_download(
    tmp_path: pathlib.Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    message = refusal(name, tmp_path)
    assert "pip install tensorflow" in message
    assert f"tfds build {name} --file_format=array_record" in message
    assert not any(tmp_path.rglob("*"))
    assert capfd.readouterr().out == ""


def test_missing_files_of_a_manual_download_are_named(tmp_path: pathlib.Path) -> None:
    message = refusal("imagenet_pi", tmp_path)
    assert f"Manual directory {tmp_path}/downloads/manual does not exist" in message


@pytest.mark.usefixtures("network_up")
def test_failed_download_is_one_line(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow_datasets as tfds

    def fail(self: object) -> None:
        raise requests.ConnectionError("Max retries exceeded\nand more")

    monkeypatch.setattr(tfds.builder_cls("beans"), "download_and_prepare", fail)
    assert "Max retries exceeded; mend that" in refusal("beans", tmp_path)


def test_any_answer_means_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(status: int) -> Callable[..., requests.Response]:
        def head(url: str, **_: object) -> requests.Response:
            if "dead" in url:
                raise requests.ConnectionError("no such host")
            response = requests.Response()
            response.status_code = status
            response.raw = io.BytesIO()
            return response

        return head

    urls = ("https://dead.example/a", "https://alive.example/b", "ftp://x/y")
    for status, expected in ((200, True), (404, True), (405, True), (407, False), (503, False)):
        monkeypatch.setattr(requests, "head", answer(status))
        assert network.reachable(urls) is expected
        assert network.reachable(urls[:1]) is False


def test_one_question_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()

    def head(url: str, **_: object) -> None:
        asked.put(url)
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", head)
    urls = [f"https://host{number % 2}.example/{number}" for number in range(9)]
    assert not network.reachable(urls)
    assert {asked.get_nowait(), asked.get_nowait()} == set(urls[:2])
    assert asked.empty()
