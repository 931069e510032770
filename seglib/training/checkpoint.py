"""Keep a training on disk, so that it can go on as if it had never stopped.

It is a file of tensors, numbers and words (`seglib.files`), whole at every moment: the old one until
the new one is written.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from seglib import files as tensor_files
from seglib.files import TensorFileError

FORMAT = "seglib checkpoint 1"
PARTS = {"format", "net", "optimiser", "number", "settings"}


class CheckpointError(TensorFileError):
    """A checkpoint cannot be used; the sentence says why and what to do."""


class Keeper:
    """Writes checkpoints of one training to one path, in a thread, at most one at a time.

    The state is copied at once and written while the training goes on. A disk that is full does not stop the
    training: `complaint` says so.

    Args:
        path: the file, or None to write nothing.
        every: seconds between two checkpoints, which is what a killed process loses.
    """

    #: who writes to each path: an older training, closed late, must not overwrite a newer one's file
    owners: ClassVar[dict[Path, Keeper]] = {}

    def __init__(self, path: Path | None, every: float) -> None:
        self.path, self.every, self.last = path, every, time.monotonic()
        self.pending: Future[None] | None = None
        self.complaint = ""
        if path:
            self.writer = ThreadPoolExecutor(1, "checkpoint")

    def claim(self) -> None:
        """From now on this keeper alone writes to its path."""
        if self.path is not None:
            if (older := self.owners.get(self.path.resolve())) is not None:
                older.wait()
            self.owners[self.path.resolve()] = self

    def due(self) -> bool:
        """Whether it is time to write again; not while the last one is still being written."""
        pending = self.pending  # another thread may be done with it in this moment
        idle = pending is None or pending.done()
        return self.path is not None and idle and time.monotonic() - self.last >= self.every

    def write(self, state: dict[str, Any]) -> None:
        """Copy the state now, and write it in the background."""
        if self.path is None or self.owners.get(self.path.resolve()) is not self:
            return
        self.wait()
        self.last = time.monotonic()
        self.pending = self.writer.submit(self._write, self.path, _copied(state))

    def wait(self) -> None:
        """Until the last checkpoint is on the disk."""
        pending = self.pending  # another thread may be done with it in this moment
        if pending is not None:
            pending.result()
            self.pending = None

    def close(self, state: dict[str, Any] | None) -> None:
        """Write for the last time, if there is something to write.

        Here and now: a process that is about to end begins no new threads.
        """
        if self.path is None:
            return
        self.wait()
        if self.owners.get(self.path.resolve()) is self:
            if state is not None:
                self._write(self.path, _copied(state))
            del self.owners[self.path.resolve()]
        self.writer.shutdown()
        if self.complaint:
            warnings.warn(self.complaint, stacklevel=2)

    def _write(self, path: Path, state: dict[str, Any]) -> None:
        try:
            tensor_files.write(path, {"format": FORMAT, **state})
        except OSError as error:
            self.complaint = f"The checkpoint could not be written, and training goes on without: {error}."


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint; nothing in it is run.

    Raises:
        CheckpointError: it is damaged, holds a program, or is no checkpoint of a training.
    """
    try:
        state = tensor_files.read(path)
    except TensorFileError as error:
        raise CheckpointError(f"{error}, or begin anew with resume=False") from None
    if not state.keys() >= PARTS or state["format"] != FORMAT:
        raise CheckpointError(f"{path} is no checkpoint of a training; give another path, or move it away")
    return state


def check_fit(path: Path, state: Mapping[str, Any], net: nn.Module, settings: Mapping[str, Any]) -> None:
    """See that a checkpoint belongs to this net and this training.

    Raises:
        CheckpointError: names the first tensor, or every setting, that differs.
    """
    advice = "give the net it was made with, another path, or resume=False to overwrite it"
    here, there = _shapes(net.state_dict()), _shapes(state["net"])
    if differing := [name for name in here | there if here.get(name) != there.get(name)]:
        name = differing[0]
        words = [
            f"{shape}" if shape is not None else "missing" for shape in (there.get(name), here.get(name))
        ]
        raise CheckpointError(
            f"{path} is of another net: {name} is {words[0]} in the file and {words[1]} here "
            f"({len(differing)} of {len(here | there)} tensors differ); {advice}."
        )
    then = state["settings"]
    if changed := [name for name in settings if settings[name] != then.get(name)]:
        was = ", ".join(f"{name} {then.get(name)}" for name in changed)
        now = ", ".join(f"{name} {settings[name]}" for name in changed)
        raise CheckpointError(f"{path} is of another training: it had {was}; this one has {now}; {advice}.")


def _shapes(state: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items() if isinstance(value, Tensor)}


def _copied(value: Any) -> Any:
    """The same structure with its tensors copied to main memory: training goes on changing the originals."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, (list, tuple)) else value
