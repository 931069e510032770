"""Progress survives what disks and kernels do to it."""

import json
import os
import signal
from pathlib import Path

import pytest

from seglib.course import store

GOOD = {"checks": {"42.1": {"attempts": 3, "right": True}}, "hints": {}, "predictions": {}, "quiz": {}}


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    monkeypatch.setattr(store, "_unsaved", {})


def attempt(record):
    entry = record["checks"].setdefault("42.1", {"attempts": 0, "right": False})
    entry["attempts"] += 1


def attempts():
    return store.read("42")["checks"]["42.1"]["attempts"]


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


def put(name, data):
    store.folder().mkdir(parents=True, exist_ok=True)
    path = store.folder() / name
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


def test_what_is_written_is_read_and_only_the_student_can_read_it(home):
    store.update("42", attempt)
    store.update("42", attempt)
    assert store.read("42")["checks"] == {"42.1": {"attempts": 2, "right": False}}
    assert store.read("43") == {section: {} for section in GOOD}
    if os.name == "posix":
        assert (store.folder() / "42.json").stat().st_mode & 0o077 == 0
        assert store.folder().stat().st_mode & 0o077 == 0


def test_a_disk_without_permissions_keeps_the_record(home, monkeypatch, capsys):
    monkeypatch.setattr(Path, "chmod", raising(PermissionError(1, "Operation not permitted")))
    store.update("42", attempt)
    assert attempts() == 1 and (store.folder() / "42.json").exists() and capsys.readouterr().out == ""


BROKEN = {
    "cut short": json.dumps(GOOD).encode()[:40],
    "empty": b"",
    "zeros": bytes(200),
    "no text": b"\xff\xfe\x00garbage",
    "a list": b"[1, 2]",
    "a section that is no object": b'{"checks": 3}',
    "an entry of another type": b'{"checks": {"42.1": {"attempts": "many", "right": true}}}',
    "an entry that is no object": b'{"quiz": {"42.q1": 1}}',
    "not a number": b'{"predictions": {"42.p1": {"guess": NaN}}}',
    "nested without end": b"[" * 100_000,
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_kept_aside_and_its_predecessor_used(home, capsys, data):
    put("42.before.json", GOOD)
    put("42.json", data)
    assert store.read("42") == GOOD
    store.update("42", attempt)
    assert "could not be read" in capsys.readouterr().out
    assert (store.folder() / "42.broken.json").read_bytes() == data
    store.update("42", attempt)
    assert attempts() == 5
    assert capsys.readouterr().out == ""


def test_two_broken_files_are_both_kept(home):
    for data in (b"first", b"second"):
        put("42.json", data)
        store.update("42", attempt)
    assert attempts() == 1
    assert {path.read_bytes() for path in store.folder().glob("*broken*")} == {b"first", b"second"}


def test_a_record_of_an_older_version_gains_its_missing_sections(home):
    put("42.json", {"checks": GOOD["checks"]})
    assert store.read("42") == GOOD


posix = pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL, which POSIX has")


def fork(task):
    """Run `task` in a copy of this process; returns a function that waits and gives its exit status."""
    child = os.fork()
    if child == 0:
        try:
            task()
        finally:
            os._exit(0)
    return lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


@posix
@pytest.mark.parametrize("place", ["before the flush", "before rename 1", "before rename 2"])
def test_killed_while_writing(home, monkeypatch, place):
    put("42.json", GOOD)
    rename, renames = Path.replace, []

    def replace(path, target):
        renames.append(target)
        return die() if place == f"before rename {len(renames)}" else rename(path, target)

    with monkeypatch.context() as fault:
        if place == "before the flush":
            fault.setattr(os, "fsync", die)
        fault.setattr(Path, "replace", replace)
        assert fork(lambda: store.update("42", attempt))() == -signal.SIGKILL
    assert store.read("42") == GOOD
    store.update("42", attempt)
    assert attempts() == 4


@posix
def test_two_kernels_lose_nothing(home):
    kernels = [fork(lambda: [store.update("42", attempt) for _ in range(25)]) for _ in range(2)]
    assert [wait() for wait in kernels] == [0, 0]
    assert attempts() == 50


def test_where_nothing_can_be_written_one_sentence_says_so_and_memory_serves(home, monkeypatch, capsys):
    (home / "a file").write_text("")
    monkeypatch.setenv("SEGLIB_HOME", str(home / "a file"))
    store.update("42", attempt)
    store.update("42", attempt)
    said = capsys.readouterr().out
    assert said.count("cannot be saved") == 1 and "SEGLIB_HOME" in said
    assert attempts() == 2


def test_a_full_disk_loses_nothing_and_counts_nothing_twice(home, monkeypatch, capsys):
    store.update("42", attempt)
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", raising(OSError(28, "No space left on device")))
        store.update("42", attempt)
        store.update("42", attempt)
        assert attempts() == 3
    assert capsys.readouterr().out.count("the disk is full") == 1
    store.update("42", attempt)  # there is room again
    assert json.loads((store.folder() / "42.json").read_text())["checks"]["42.1"]["attempts"] == 4


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_can_still_be_read(home):
    put("42.json", GOOD)
    store.folder().chmod(0o500)
    try:
        assert store.read("42") == GOOD
    finally:
        store.folder().chmod(0o700)


def test_without_a_lock_progress_is_read_and_kept_in_memory(home, monkeypatch):
    put("42.json", GOOD)
    monkeypatch.setattr(store, "FileLock", raising(PermissionError(13, "no")))
    assert store.read("42") == GOOD
    store.update("42", attempt)
    assert attempts() == 4


def test_the_home_folder_may_be_named_with_a_tilde(monkeypatch):
    monkeypatch.setenv("SEGLIB_HOME", "~/somewhere")
    assert store.folder() == Path.home() / "somewhere" / "progress"
