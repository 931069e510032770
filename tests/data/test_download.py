"""Downloads from mirrors that break off, lie, stall and vanish; from the internet to a data set."""

import hashlib
import io
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from seglib.data import download
from seglib.data.catalog import found, load
from seglib.data.download import BY_HAND, SOURCES, DownloadError, Remote, Source, fetch, install
from seglib.files import DiskError
from tests.data.strangers import MASK, encoded, write

CONTENT = np.random.default_rng(0).bytes(100_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PATIENCE", 0.5)
    monkeypatch.setattr(download, "BLOCK", 4096)


def remote(mirror, *paths: str, sha256: str = SHA256) -> Remote:
    return Remote(tuple(mirror.url(path) for path in paths), len(CONTENT), sha256)


@pytest.mark.parametrize(
    ("there", "part", "way", "asked"),
    [
        (b"", b"", "", [None]),
        (CONTENT, b"", "", []),  # what is there is not fetched again,
        (b"half", b"", "", [None]),  # unless it is wrong
        (b"", CONTENT[:70_000], "", ["bytes=70000-"]),
        (b"", CONTENT, "", []),
        (b"", CONTENT[:500], "whole", ["bytes=500-"]),  # this mirror ignores Range
        (b"", b"x" * 500, "", ["bytes=500-", None]),  # the part of another file
        (b"", CONTENT + b"x", "", [None]),
        (b"", b"x" * len(CONTENT), "", [None]),
    ],
)
def test_only_what_is_missing_is_fetched(mirror, tmp_path: Path, there, part, way, asked) -> None:
    mirror.files["a"], mirror.ways["a"] = CONTENT, way
    target = tmp_path / "new" / "folder" / "a.tar"
    before = {"a.tar": there, "a.tar.part": part}
    write(target.parent, {name: content for name, content in before.items() if content})
    assert fetch(remote(mirror, "a"), target) == target
    assert target.read_bytes() == CONTENT and list(target.parent.iterdir()) == [target]
    assert [header for _, header in mirror.asked] == asked


def test_mirrors_that_break_off_are_asked_again(mirror, tmp_path: Path) -> None:
    mirror.files.update(a=CONTENT, b=CONTENT)
    mirror.ways.update(a="short", b="short")
    mirror.part = 30_000
    assert fetch(remote(mirror, "a", "b"), tmp_path / "a.tar").read_bytes() == CONTENT
    assert [asked for _, asked in mirror.asked] == [None, "bytes=30000-", "bytes=60000-", "bytes=90000-"]


@pytest.mark.parametrize("way", ["nobody", "missing", "busy", "stuck", "lies", "longer", "slow"])
def test_the_next_mirror_is_tried(mirror, tmp_path: Path, way: str) -> None:
    mirror.files["good"] = CONTENT
    if way not in ("nobody", "missing"):
        mirror.files["bad"], mirror.ways["bad"] = CONTENT + b"x" * (way == "longer"), way
    bad = "http://127.0.0.1:9/bad" if way == "nobody" else mirror.url("bad")
    mirrors = Remote((bad, mirror.url("good")), len(CONTENT), SHA256)
    assert fetch(mirrors, tmp_path / "a.tar").read_bytes() == CONTENT


def test_all_mirrors_fail(mirror, tmp_path: Path) -> None:
    mirror.files.update(lies=CONTENT, page=b"<html>blocked</html>", slow=CONTENT)
    mirror.ways.update(lies="lies", slow="slow")
    with pytest.raises(DownloadError) as caught:
        fetch(remote(mirror, "gone", "lies", "page", "slow"), tmp_path / "a.tar")
    message = str(caught.value)
    assert "gone: HTTP 404" in message and "lies: the file's SHA-256 is wrong" in message
    assert "page: it offers 20 bytes instead of" in message and "slow: no answer for 0.5 s" in message
    assert f"save it as {tmp_path / 'a.tar'}" in message and SHA256 in message and "are kept" in message
    assert not (tmp_path / "a.tar").exists() and (tmp_path / "a.tar.part").stat().st_size >= mirror.part
    with pytest.raises(DownloadError, match="SHA-256"):
        fetch(remote(mirror, "lies"), tmp_path / "other" / "a.tar")
    assert not any((tmp_path / "other").iterdir())  # a wrong file is not kept


def test_killed_in_the_middle_and_resumed(mirror, tmp_path: Path) -> None:
    mirror.files["a"], mirror.ways["a"], mirror.part = CONTENT, "slow", 50_000
    part = tmp_path / "a.tar.part"
    there = remote(mirror, "a")
    script = (
        "from pathlib import Path; from seglib.data import download; download.BLOCK = 4096;"
        f"download.fetch(download.Remote(*{tuple(there)!r}), Path({str(tmp_path / 'a.tar')!r}))"
    )
    child = subprocess.Popen([sys.executable, "-c", script])
    end = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 0):
        assert time.monotonic() < end and child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "a.tar").exists()
    size = part.stat().st_size
    assert 0 < size < len(CONTENT) and part.read_bytes() == CONTENT[:size]
    mirror.ways.clear()
    assert fetch(remote(mirror, "a"), tmp_path / "a.tar").read_bytes() == CONTENT
    assert mirror.asked[-1] == ("a", f"bytes={size}-")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which is always full")
def test_disk_full(mirror, tmp_path: Path, monkeypatch) -> None:
    mirror.files["a"] = CONTENT
    with monkeypatch.context() as little, pytest.raises(DiskError, match=r"no room for 0\.1 MB"):
        little.setattr(download.shutil, "disk_usage", lambda _: SimpleNamespace(free=99_999))
        fetch(remote(mirror, "a"), tmp_path / "a.tar")
    assert list(tmp_path.iterdir()) == []  # it is said before the download
    (tmp_path / "a.tar.part").symlink_to("/dev/full")
    with pytest.raises(DiskError, match=r"a\.tar\.part: the disk is full"):
        fetch(remote(mirror, "a"), tmp_path / "a.tar")


def test_read_only_folder(mirror, read_only: Path) -> None:
    mirror.files["a"] = CONTENT
    for target in (read_only / "a.tar", read_only / "new" / "a.tar"):
        with pytest.raises(DiskError, match="no permission"):
            fetch(remote(mirror, "a"), target)


@pytest.mark.parametrize("there", [0, 45_000])
def test_progress_counts_what_is_left(mirror, tmp_path: Path, monkeypatch, there: int) -> None:
    mirror.files["a"] = CONTENT
    (tmp_path / "images.tar.part").write_bytes(CONTENT[:there])
    seen = []

    def spy(items: Iterable[int], total: int, label: str, fraction: Callable[[int], float]) -> Iterator[int]:
        for item in items:
            seen.append(fraction(item))
            yield item
        assert total == 1 and "images.tar" in label

    monkeypatch.setattr(download, "tracked", spy)
    fetch(remote(mirror, "a"), tmp_path / "images.tar")
    assert seen == sorted(seen) and 0 < seen[0] < 0.1 and seen[-1] == 1


# ---- Data sets ---------------------------------------------------------------------------------------------


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def publish(mirror, monkeypatch: pytest.MonkeyPatch, archives: dict[str, dict[str, bytes]]) -> Source:
    """Put archives on the mirror as "pets", behind a mirror that is gone."""
    mirror.files.update({name: packed(files) for name, files in archives.items()})
    remotes = {}
    for name, content in mirror.files.items():
        mirrors = (mirror.url("gone"), mirror.url(name))
        remotes[name] = Remote(mirrors, len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(SOURCES, "pets", Source("oxford-iiit-pet", remotes))
    return SOURCES["pets"]


@pytest.fixture
def small_pets(mirror, monkeypatch: pytest.MonkeyPatch) -> Source:
    """Oxford-IIIT Pet with one cat."""
    lists = {"annotations/test.txt": b"cat_1 1 1 1\n", "annotations/trainval.txt": b"cat_1 1 1 1\n"}
    annotations = {"annotations/trimaps/cat_1.png": encoded(MASK * 0 + 2)} | lists
    archives = {"images.tar.gz": {"images/cat_1.jpg": encoded(MASK)}, "annotations.tar.gz": annotations}
    return publish(mirror, monkeypatch, archives)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_load_downloads_once(small_pets: Source, mirror, tmp_path: Path) -> None:
    (tmp_path / ".oxford-iiit-pet.unpacking" / "half").mkdir(parents=True)  # by a run that was killed
    assert len(load("pets", "test", root=tmp_path, download=True)) == 1
    assert found(tmp_path) == {"pets": tmp_path / "oxford-iiit-pet"}
    requests = len(mirror.asked)
    assert load("pets", "test", root=tmp_path, download=True)[0][1].tolist() == [[0] * 4] * 3
    assert len(mirror.asked) == requests
    assert all(name.startswith("oxford-iiit-pet/") for name in files(tmp_path))  # no archives, nothing half


def test_stopped_after_the_first_archive(small_pets: Source, mirror, tmp_path: Path) -> None:
    annotations = mirror.files.pop("annotations.tar.gz")
    with pytest.raises(OSError, match=r"annotations\.tar\.gz could not be downloaded"):
        install("pets", tmp_path)
    assert found(tmp_path) == {}
    mirror.files["annotations.tar.gz"] = annotations
    mirror.asked.clear()
    install("pets", tmp_path)
    assert "images.tar.gz" not in [path for path, _ in mirror.asked]
    assert list(found(tmp_path)) == ["pets"]


def test_an_archive_put_there_by_hand(small_pets: Source, mirror, tmp_path: Path) -> None:
    write(tmp_path / "downloads/oxford-iiit-pet", {file: mirror.files[file] for file in small_pets.archives})
    install("pets", tmp_path)
    assert mirror.asked == []


def test_a_folder_of_that_name_is_noticed_before_the_download(small_pets, mirror, tmp_path: Path) -> None:
    write(tmp_path, {"oxford-iiit-pet/mine.txt": "mine"})
    with pytest.raises(FileExistsError, match="already there"):
        load("pets", root=tmp_path, download=True)
    assert mirror.asked == [] and files(tmp_path) == {"oxford-iiit-pet/mine.txt"}


def test_an_archive_cannot_write_outside_of_its_folder(mirror, monkeypatch, tmp_path: Path) -> None:
    publish(mirror, monkeypatch, {"a.tar.gz": {"good.txt": b"good", "../../evil.txt": b"evil"}})
    with pytest.raises(tarfile.TarError):
        install("pets", tmp_path / "deep" / "root")
    assert files(tmp_path) == {"deep/root/downloads/oxford-iiit-pet/a.tar.gz"}


def test_every_published_archive_has_a_hash_and_two_mirrors() -> None:
    assert not set(SOURCES) & set(BY_HAND)
    for source in SOURCES.values():
        for file, remote in source.archives.items():
            assert re.fullmatch(r"[0-9a-f]{64}", remote.sha256) and remote.size > 0
            assert len(remote.urls) >= 2 and all(url.endswith("/" + file) for url in remote.urls)
