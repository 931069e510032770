"""Checkpoints: a training run on disk, from which it resumes as if it had never stopped.

A checkpoint is a file of tensors, numbers and strings (`seglib.files`), complete at every moment: the old one
stays until the new one is written.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from seglib import files
from seglib.files import TensorFileError

FORMAT = "seglib checkpoint 2"
MAX_COST = 0.02  # the fraction of the time that writing checkpoints may take


class CheckpointError(TensorFileError):
    """A checkpoint cannot be used; the message says why and what to do."""


class CheckpointWriter:
    """Writes the checkpoints of one run to one path.

    A full disk does not stop the run: `warning` says so.

    Args:
        path: the file.
        interval: seconds between two checkpoints, which is what a killed process loses. It is longer where
            writing takes more than 2 % of it.
    """

    #: which writer writes to each path: an older run, closed late, must not overwrite a newer one's file
    owners: ClassVar[dict[Path, CheckpointWriter]] = {}

    def __init__(self, path: Path, interval: float) -> None:
        self.path, self.interval, self.warning = path, interval, ""
        self.written = time.monotonic()

    def claim(self) -> None:
        """From now on, only this writer writes to its path."""
        self.owners[self.path.resolve()] = self

    def due(self) -> bool:
        """Whether it is time to write again."""
        return time.monotonic() - self.written >= self.interval

    def write(self, state: Mapping[str, Any]) -> None:
        """Write a state, unless another writer has claimed the path."""
        if self.owners.get(self.path.resolve()) is not self:
            return
        begin = time.monotonic()
        try:
            files.write(self.path, {"format": FORMAT, **state})
        except OSError as error:
            self.warning = f"The checkpoint could not be written, and training continues without: {error}."
        self.written = time.monotonic()
        self.interval = max(self.interval, (self.written - begin) / MAX_COST)

    def close(self) -> None:
        """Give the path up; a warning that no step has reported is shown."""
        if self.owners.get(self.path.resolve()) is self:
            del self.owners[self.path.resolve()]
        if self.warning:
            warnings.warn(self.warning, stacklevel=2)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint; nothing in the file is run.

    Raises:
        CheckpointError: it is damaged, contains code, or is not a checkpoint.
    """
    try:
        state = files.read(path)
    except TensorFileError as error:
        raise CheckpointError(f"{error}, or start anew with resume=False") from None
    if state.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is not a checkpoint of this version of seglib; give another path, or start anew with "
            "resume=False to overwrite it"
        )
    return state


def check_fit(path: Path, state: Mapping[str, Any], net: nn.Module, settings: Mapping[str, Any]) -> None:
    """Check that a checkpoint belongs to this net and this run.

    Raises:
        CheckpointError: names the first tensor, or every setting, that differs.
    """
    advice = "give the net it was made with, another path, or resume=False to overwrite it"
    try:
        files.check_weights(path, net, state["net"])
    except TensorFileError as error:
        raise CheckpointError(f"{error}; {advice}") from None
    saved = state["settings"]
    if changed := [name for name in settings if settings[name] != saved.get(name)]:
        there = ", ".join(f"{name} {saved.get(name)}" for name in changed)
        here = ", ".join(f"{name} {settings[name]}" for name in changed)
        raise CheckpointError(f"{path} is of another run: it had {there}; this one has {here}; {advice}")
