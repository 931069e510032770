"""From the internet to a data set: fetched, unpacked, opened."""

import hashlib
import io
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seglib.data import download as sources
from seglib.data.catalog import found, load
from seglib.data.download import BY_HAND, SOURCES, Remote, Source, install
from seglib.files import DiskError


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((3, 4), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def small_pets(mirror, monkeypatch: pytest.MonkeyPatch) -> Source:
    """Oxford-IIIT Pet with one cat, on a mirror of our own, behind one that is gone."""
    mirror.files["images.tar.gz"] = packed({"images/cat_1.jpg": png(9)})
    lists = {"annotations/test.txt": b"cat_1 1 1 1\n", "annotations/trainval.txt": b"cat_1 1 1 1\n"}
    mirror.files["annotations.tar.gz"] = packed({"annotations/trimaps/cat_1.png": png(2), **lists})
    archives = {
        file: Remote(
            (mirror.url("gone"), mirror.url(file)), len(content), hashlib.sha256(content).hexdigest()
        )
        for file, content in mirror.files.items()
    }
    monkeypatch.setitem(sources.SOURCES, "pets", Source("oxford-iiit-pet", archives, limit=10_000))
    return SOURCES["pets"]


def test_load_downloads_once(small_pets: Source, mirror, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="download=True"):
        load("pets", root=tmp_path)
    assert len(load("pets", "test", root=tmp_path, download=True)) == 1
    assert found(tmp_path) == {"pets": tmp_path / "oxford-iiit-pet"}
    requests = len(mirror.asked)
    assert load("pets", "test", root=tmp_path, download=True)[0][1].tolist() == [[0] * 4] * 3
    assert len(mirror.asked) == requests
    assert not list(tmp_path.rglob("*.tar.gz")) and not list(tmp_path.rglob("*.part"))


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
    downloads = tmp_path / "downloads" / "oxford-iiit-pet"
    downloads.mkdir(parents=True)
    for file in small_pets.archives:
        (downloads / file).write_bytes(mirror.files[file])
    install("pets", tmp_path)
    assert mirror.asked == []


def test_read_only_root(small_pets: Source, read_only: Path) -> None:
    with pytest.raises(DiskError, match=r"choose another folder with root="):
        load("pets", root=read_only, download=True)


def test_what_we_publish() -> None:
    assert not set(SOURCES) & set(BY_HAND)
    for source in SOURCES.values():
        for file, remote in source.archives.items():
            assert re.fullmatch(r"[0-9a-f]{64}", remote.sha256)
            assert len(remote.urls) >= 2 and all(url.endswith("/" + file) for url in remote.urls)
            assert remote.size < source.limit
