"""Files: written whole or not at all, read without running anything in them, and errors in one sentence.

PyTorch's usual files are pickles, and opening a pickle may run any code that its writer put there. Files of
tensors are read with `weights_only=True`, which refuses everything but plain data.
"""

import errno
import json
import os
import pickle
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import IO, Any, BinaryIO

import numpy as np
import torch
from torch import Tensor, nn

_FULL = {errno.ENOSPC, errno.EDQUOT}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_LOST = _FULL | {errno.EIO}  # of `fsync`: the bytes did not reach the disk


class DiskError(OSError):
    """A file cannot be written; the message says why and what to do."""


class TensorFileError(ValueError):
    """A file of tensors cannot be used; the message says why and what to do."""


def as_path(path: Any) -> Path:
    """A path, also from text; ValueError for anything else."""
    if not isinstance(path, str | Path):
        raise ValueError(f"the path must be text or a Path, not {path!r:.60}")
    return Path(path)


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and " ..." if there are more."""
    return ", ".join(names[:most]) + " ..." * (len(names) > most)


def check_names(names: Iterable[str]) -> None:
    """ValueError for a file's name whose bytes are not UTF-8, as Linux allows: no JSON file can hold it."""
    if odd := next((name for name in names if re.search("[\udc80-\udcff]", name)), None):
        raise ValueError(
            f"{odd!a}: the file's name is not UTF-8; rename it, for example with"
            " `convmv -f latin1 -t utf-8 -r --notest FOLDER`"
        )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's errors about a full or read-only disk into one sentence; let others pass.

    Raises:
        DiskError: the disk is full, or `path` cannot be written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskError(f"{path}: the disk is full; free some space and run this again") from None
        if error.errno in _CLOSED:
            raise DiskError(f"{path}: no permission to write here; choose another folder") from None
        raise


def write_whole(path: Path, write_to: Callable[[BinaryIO], object]) -> None:
    """Write a file atomically: the old file stays until the new one is complete on the disk.

    Args:
        path: its folder is created if necessary.
        write_to: called with the open binary file.

    Raises:
        DiskError: the disk is full, or `path` cannot be written to.
    """
    path = as_path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise DiskError(f"{path}: is a folder; give the name of a file")
        part = path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}.part")
        try:
            with part.open("wb") as file:
                write_to(file)
                file.flush()
                flush_to_disk(file)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def flush_to_disk(file: IO[Any]) -> None:
    """`os.fsync` where the disk offers it: some network shares and FUSE mounts refuse, and that is no error.

    Raises:
        OSError: what was written did not reach the disk.
    """
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno in _LOST:
            raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically, see `write_whole`."""
    write_whole(path, lambda file: file.write(text.encode()))


def write(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain data atomically, see `write_whole`.

    Args:
        path: its folder is created if necessary.
        content: tensors, numbers, strings, None, and lists and dicts of these.

    Raises:
        DiskError: the disk is full, or `path` cannot be written to.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write(Path(folder, "a.pt"), {"weights": torch.ones(2)})
        ...     read(Path(folder, "a.pt"))
        {'weights': tensor([1., 1.])}
    """
    write_whole(path, lambda file: _save(_plain(content), file))


def _plain(value: Any) -> Any:
    """The same with Python's numbers in place of NumPy's, which `weights_only` does not read."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value


def _save(content: dict[str, Any], file: BinaryIO) -> None:
    """`torch.save`; on a full disk PyTorch raises a RuntimeError whose context is the system's error."""
    try:
        torch.save(content, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def read(path: Path | str) -> dict[str, Any]:
    """What `write` wrote, with its tensors on the CPU; nothing in the file is run.

    Raises:
        FileNotFoundError: there is no such file.
        TensorFileError: it is cut off or damaged, contains code, or is not a file of seglib.
    """
    path = as_path(path)
    if path.is_dir():
        raise TensorFileError(f"{path} is a folder; give the file in it")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        archive = zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # of some damaged ends, up to Python 3.11
        archive = False
    if not archive:
        raise TensorFileError(f"{path} is cut off, damaged or not a file of seglib; copy it again")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise TensorFileError(
            f"{path} contains more than tensors, numbers and strings and was not read: opening such a file "
            "can run any program; use a file that seglib wrote"
        ) from None
    except Exception as error:  # nearly anything, from what is damaged
        raise TensorFileError(f"{path} is cut off or damaged ({first_line(error)}); copy it again") from None
    if not isinstance(content, dict):
        raise TensorFileError(f"{path} holds a {type(content).__name__} and is not a file of seglib")
    return content


def check_weights(path: Path | str, net: nn.Module, weights: Mapping[str, Any]) -> None:
    """Raise a TensorFileError unless `weights` fit a net; it names the first tensor that differs.

    Args:
        path: the file they come from, for the message.
        net: stays as it is.
        weights: tensors by name, as of `state_dict`.
    """
    here, there = (
        {name: tuple(value.shape) for name, value in state.items() if isinstance(value, Tensor)}
        for state in (net.state_dict(), weights)
    )
    if differing := [name for name in here | there if here.get(name) != there.get(name)]:
        name = differing[0]
        raise TensorFileError(
            f"{path} is of another net: {name} is {there.get(name, 'missing')} in the file and "
            f"{here.get(name, 'missing')} here ({len(differing)} of {len(here | there)} tensors differ)"
        )


def fill(path: Path | str, net: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put saved weights into a net of the same build.

    Args:
        path: the file they come from, for the message.
        net: is left as it is where the weights do not fit.
        weights: tensors by name, as of `state_dict`.

    Raises:
        TensorFileError: they are of another net.

    Example:
        >>> net = nn.Linear(2, 1)
        >>> fill("net.pt", net, {"weight": torch.ones(1, 2), "bias": torch.zeros(1)})
        >>> net(torch.tensor([3.0, 4.0])).item()
        7.0
    """
    check_weights(path, net, weights)
    net.load_state_dict(weights)


def first_line(error: BaseException) -> str:
    r"""The first line of an error's message, or its type's name if it has no message.

    Example:
        >>> first_line(ValueError("too large\ndetails")), first_line(EOFError())
        ('too large', 'EOFError')
    """
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def read_json(path: Path) -> Any:
    """The content of a JSON file; ValueError if it is not JSON."""
    path = as_path(path)
    try:
        return json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON, or incomplete ({error}); export or copy it again") from None


def read_text(path: Path) -> str:
    """The text in a file, without a byte order mark; UTF-8, or UTF-16 if it is marked.

    Raises:
        ValueError: it is in another encoding; the message names the file and what to do.
    """
    content = as_path(path).read_bytes()
    try:
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"line {content[: error.start].count(bytes([10])) + 1}"
        raise ValueError(f"{path}, {place}: not UTF-8; save the file again with the encoding UTF-8") from None


@contextmanager
def naming(place: Path | str) -> Iterator[None]:
    """Turn an error about content into a ValueError that begins with the file or the place in it, once.

    Example:
        >>> with naming("c"):
        ...     raise ValueError("class 3 has no name")
        Traceback (most recent call last):
        ValueError: c: class 3 has no name
    """
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        named = str(error).startswith((f"{place}:", f"{place},"))
        raise ValueError(str(error) if named else f"{place}: {error}") from None
