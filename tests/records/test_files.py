import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from lab.errors import UsageError
from lab.records.files import remove_leftovers, write_whole
from lab.records.lock import held_folder

WRITE_FOR_EVER = """
import sys
from pathlib import Path
from lab.records.files import write_whole

number = 0
while True:
    write_whole(Path(sys.argv[1]) / f"{number % 5}.bin", bytes([number % 251]) * 300_000)
    number += 1
"""


def test_replaces_the_whole_content(tmp_path):
    path = tmp_path / "folder" / "file.txt"
    write_whole(path, "long before")
    write_whole(path, "naïve")
    assert path.read_text() == "naïve"
    assert os.listdir(path.parent) == ["file.txt"]


def test_full_disk_is_one_line_and_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    write_whole(path, "before")

    def no_space(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(UsageError, match=r"No space left.*free some space") as caught:
        write_whole(path, "after")
    assert "\n" not in str(caught.value)
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_unwritable_place_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="pass an --out that can be written"):
        write_whole(tmp_path / "file" / "inner.txt", "text")


def test_killed_writer_leaves_only_whole_files(tmp_path):
    writer = subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path)])
    deadline = time.monotonic() + 20
    while not (tmp_path / "4.bin").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    whole = sorted(tmp_path.glob("*.bin"))
    assert len(whole) == 5
    for path in whole:
        content = path.read_bytes()
        assert len(content) == 300_000
        assert len(set(content)) == 1
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == whole


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to a device"])
def test_only_files_are_replaced(tmp_path, kind):
    """Renaming would put a file in the place of /dev/null, where a superuser may."""
    path = tmp_path / "there"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/null")
    before = path.lstat()
    with pytest.raises(UsageError, match="cannot take the place of"):
        write_whole(path, "text")
    assert path.lstat().st_ino == before.st_ino
    assert os.listdir(tmp_path) == ["there"]


def test_letters_that_are_none_are_escaped(tmp_path):
    """What Python makes of bytes in a file's name that are no UTF-8."""
    write_whole(tmp_path / "file", '{"command": "--out=\udcff"}')
    assert json.loads((tmp_path / "file").read_text()) == {"command": "--out=\udcff"}


def test_who_writes_results_into_one_folder_waits_for_its_turn(tmp_path):
    order = []
    with held_folder(tmp_path / "new"):
        other = threading.Thread(target=lambda: held(tmp_path / "new", order))
        other.start()
        time.sleep(0.1)
        order.append("first")
    other.join(20)
    assert order == ["first", "second"]
    assert os.listdir(tmp_path / "new") == []


def held(folder, order):
    with held_folder(folder):
        order.append("second")
