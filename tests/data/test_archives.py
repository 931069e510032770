"""Archives: unpacked whole or not at all, and never outside their folder."""

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from seglib.data.download import ENTRY, extract
from seglib.files import DiskError

FILES = {"images/a.jpg": b"image", "masks/a.png": b"mask" * 1000, "list.txt": b""}


def tar(path: Path, files: dict[str, bytes] = FILES, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def zipped(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_kinds(tmp_path: Path, mode: str) -> None:
    archive = zipped(tmp_path / "a") if mode == "zip" else tar(tmp_path / "a", mode=mode)
    target = extract([archive], tmp_path / "set", limit=10_000)
    assert content(target) == FILES
    assert names(tmp_path) == ["a", "set"]


def test_several_archives_make_one_folder(tmp_path: Path) -> None:
    archives = [tar(tmp_path / "a.tar", {"x/1": b"1"}), zipped(tmp_path / "b.zip", {"x/2": b"2"})]
    assert content(extract(archives, tmp_path / "set", limit=10_000)) == {"x/1": b"1", "x/2": b"2"}


def test_folders_and_modes(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind, mode in (("empty", tarfile.DIRTYPE, 0o000), ("run.sh", tarfile.REGTYPE, 0o4777)):
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, mode
            archive.addfile(member)
    target = extract([tmp_path / "a.tar"], tmp_path / "set", limit=10_000)
    assert names(target / "empty") == []
    assert not (target / "run.sh").stat().st_mode & (
        stat.S_ISUID | stat.S_IXUSR
    )  # the archive's rights do not count


ESCAPES = [
    "../evil",
    "a/../../evil",
    "/tmp/evil",
    "..\\evil",
    "C:\\evil",
    "C:evil",
    "\\evil",
    "\\\\host\\share\\evil",
]


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_entries_that_lead_out(tmp_path: Path, name: str, kind: str) -> None:
    files = {"good.txt": b"good", name: b"evil"}
    archive = tar(tmp_path / "a.tar", files) if kind == "tar" else zipped(tmp_path / "a.zip", files)
    with pytest.raises(ValueError, match=r"a\.(tar|zip): the entry .*evil' leads out of the folder"):
        extract([archive], tmp_path / "deep" / "set", limit=10_000)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [archive]
    assert not Path("/tmp/evil").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        member = tarfile.TarInfo("thing")
        member.type, member.linkname = kind, "good.txt"
        archive.addfile(member)
    with pytest.raises(ValueError, match=r"a\.tar: the entry 'thing' is a link or a device"):
        extract([tmp_path / "a.tar"], tmp_path / "set", limit=10_000)
    assert names(tmp_path) == ["a.tar"]


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("thing")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ValueError, match="'thing' is a link or a device"):
        extract([tmp_path / "a.zip"], tmp_path / "set", limit=10_000)


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_a_bomb(tmp_path: Path, kind: str) -> None:
    files = {"small": b"x", "zeros": bytes(50_000_000)}
    archive = zipped(tmp_path / "a.zip", files) if kind == "zip" else tar(tmp_path / "a.tgz", files, "w:gz")
    assert archive.stat().st_size < 100_000
    with pytest.raises(ValueError, match="unpacks to more than it should"):
        extract([archive], tmp_path / "set", limit=10_000_000)
    assert names(tmp_path) == [archive.name]


def test_many_empty_files_are_a_bomb_too(tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar", {f"{k}": b"" for k in range(100)})
    with pytest.raises(ValueError, match="unpacks to more"):
        extract([archive], tmp_path / "set", limit=99 * ENTRY)
    assert len(content(extract([archive], tmp_path / "set", limit=100 * ENTRY))) == 100


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "zip"])
@pytest.mark.parametrize("keep", [0, 20, 600])
def test_archives_that_break_off(tmp_path: Path, mode: str, keep: int) -> None:
    files = {"a": os.urandom(3000)}
    archive = zipped(tmp_path / "a", files) if mode == "zip" else tar(tmp_path / "a", files, mode)
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"/a: the archive is damaged .*download it again"):
        extract([archive], tmp_path / "set", limit=10_000)
    assert names(tmp_path) == ["a"]


def test_a_flipped_byte_in_a_zip(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a": b"text" * 100})
    broken = bytearray(archive.read_bytes())
    broken[40] ^= 255
    archive.write_bytes(broken)
    with pytest.raises(ValueError, match="the archive is damaged"):
        extract([archive], tmp_path / "set", limit=10_000)


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="already there; move it away"):
        extract([tar(tmp_path / "a.tar")], tmp_path / "set", limit=10_000)
    assert content(tmp_path / "set") == {"mine.txt": b"mine"}


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".set.unpacking" / "half").mkdir(parents=True)
    assert content(extract([tar(tmp_path / "a.tar")], tmp_path / "set", limit=10_000)) == FILES
    assert names(tmp_path) == ["a.tar", "set"]


def test_read_only_folder(read_only: Path) -> None:
    archive = Path("/nonexistent.tar")
    with pytest.raises(DiskError, match="no permission to write here"):
        extract([archive], read_only / "set", limit=10_000)
