"""Checkpoints: a training run on disk, from which it resumes as if it had never stopped.

A checkpoint is a file of tensors, numbers and strings (`seglib.files`). It is complete at every moment: the
old file stays until the new one is written.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import torch
from torch import nn

from seglib import files
from seglib.files import TensorFileError

FORMAT = "seglib checkpoint 2"
MAX_COST = 0.02  # the fraction of the time that writing checkpoints may take


class CheckpointError(TensorFileError):
    """A checkpoint cannot be used; the message says why and what to do."""


class CheckpointWriter:
    """Writes the checkpoints of one run to one path.

    Args:
        path: the file.
        interval: seconds between two checkpoints: the most that a killed process loses. It becomes longer if
            writing takes more than 2 % of it.
    """

    #: which writer writes to each path: an older run, closed late, must not overwrite a newer one's file
    owners: ClassVar = WeakValueDictionary[Path, "CheckpointWriter"]()

    def __init__(self, path: Path, interval: float) -> None:
        self.path, self.interval = path, interval
        self.written = time.monotonic()

    def claim(self) -> None:
        """From now on, only this writer writes to its path."""
        self.owners[self.path.resolve()] = self

    def due(self) -> bool:
        """Whether it is time to write again."""
        return time.monotonic() - self.written >= self.interval

    def write(self, state: Mapping[str, Any]) -> str:
        """Write a state, unless another writer has claimed the path.

        Returns:
            "", or a warning: a full disk does not stop the run.
        """
        if self.owners.get(self.path.resolve()) is not self:
            return ""
        begin, warning = time.monotonic(), ""
        try:
            files.write(self.path, {"format": FORMAT, **state})
        except OSError as error:
            warning = f"The checkpoint could not be written: {error}."
        self.written = time.monotonic()
        self.interval = max(self.interval, (self.written - begin) / MAX_COST)
        return warning


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint; code in the file is not executed.

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


def restore(
    path: Path, state: Mapping[str, Any], net: nn.Module, stepper: torch.optim.Optimizer,
    settings: Mapping[str, Any],
) -> None:  # fmt: skip
    """Load the weights and the state of the optimiser: the net last, all of it or nothing.

    Raises:
        CheckpointError: it is of another net or run; the message names the first tensor, or every setting,
            that differs.
    """
    saved, advice = state["settings"], "give another path, or resume=False to overwrite it"
    try:
        files.check_weights(path, net, state["net"])
    except TensorFileError as error:
        raise CheckpointError(f"{error}; {advice}") from None
    if changed := [name for name in settings if settings[name] != saved.get(name)]:
        there = ", ".join(f"{name} {saved.get(name)}" for name in changed)
        here = ", ".join(f"{name} {settings[name]}" for name in changed)
        raise CheckpointError(f"{path} is of another run: it had {there}; this one has {here}; {advice}")
    try:
        stepper.load_state_dict(state["optimiser"])
    except ValueError as error:
        raise CheckpointError(
            f"{path} is of a run that trained other parts of the net ({error}); freeze the same layers, "
            f"or {advice}"
        ) from None
    net.load_state_dict(state["net"])
