"""Checkpoints: a training run on disk, from which it resumes as if it had never stopped.

A checkpoint is a file of tensors, numbers and strings (`seglib.files`). It is complete at every moment: the
old file stays until the new one is written.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
    for name, (kinds, fits) in _FIELDS.items():
        with reading(path):
            if type(state.get(name)) not in kinds or not fits(state.get(name)):
                raise _damaged(path, name)
    return state


# What a checkpoint holds: the type of each field, and what is true of its value.
_FIELDS: dict[str, tuple[tuple[type, ...], Callable[[Any], bool]]] = {
    "net": ((dict, OrderedDict), bool),
    "optimiser": ((dict,), lambda value: {"state", "param_groups"} <= value.keys()),
    "settings": ((dict,), lambda one: all(map(_is_plain, one.values())) and _counts(one["batch_size"])),
    "size": ((list, type(None)), lambda value: not value or (len(value) == 2 and all(map(_counts, value)))),
    "precision": ((str,), lambda value: value in ("auto", "float32", "bfloat16")),
    "number": ((int,), lambda value: 0 <= value < 2**31),
    "seconds": ((int, float), lambda value: 0 <= value < 1e12),
    "setup_seconds": ((int, float), lambda value: 0 <= value < 1e12),
    "micro_batches": ((int,), lambda value: 0 < value < 2**31),
    "losses": ((torch.Tensor,), lambda value: value.ndim == 1 and value.is_floating_point()),
    "scores": ((list,), lambda value: True),
}
#: what an optimiser remembers of each weight, by a setting that only it has
_REMEMBERED = {"betas": {"step", "exp_avg", "exp_avg_sq"}, "momentum": {"momentum_buffer"}}


def _counts(value: Any) -> bool:
    """Whether this is a number of images or pixels."""
    return type(value) is int and 0 < value < 2**31


def _is_plain(value: Any) -> bool:
    """Whether a message can show a setting."""
    return isinstance(value, (int, float, type(None))) or (isinstance(value, str) and value.isprintable())


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a damaged content causes into a CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except (
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        ValueError,
        RuntimeError,
        OverflowError,
    ) as error:
        raise _damaged(path, files.first_line(error)) from None


def _damaged(path: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: a part of the checkpoint is missing or damaged ({what}); copy it again, or start anew with "
        "resume=False"
    )


def _check_optimiser(path: Path, saved: Mapping[str, Any], stepper: torch.optim.Optimizer) -> None:
    """Raise unless a saved state has the form of the optimiser's own.

    PyTorch's steps do not check it, and end the process where a tensor has another size.
    """
    groups, own = saved["param_groups"], stepper.state_dict()["param_groups"]
    if [len(group["params"]) for group in groups] != [len(group["params"]) for group in own]:
        return  # another net or freeze: PyTorch's own error says so
    for group, expected in zip(groups, own):
        for name, value in expected.items():
            if _form(group[name]) != _form(value):
                raise _damaged(path, f"{name} of the optimiser")
    weights = [weight for group in stepper.param_groups for weight in group["params"]]
    for number, entry in saved["state"].items():
        if type(number) is not int or not 0 <= number < len(weights):
            raise _damaged(path, f"weight {number!r:.20} of the optimiser")
        shape = weights[number].shape
        for setting, names in _REMEMBERED.items():
            if setting in own[0] and not names <= entry.keys():
                raise _damaged(path, f"what the optimiser remembers of weight {number}")
        for name, value in entry.items():
            unused = value is None and name == "momentum_buffer"
            if not unused and not (isinstance(value, torch.Tensor) and value.is_floating_point()):
                raise _damaged(path, f"{name} of weight {number}")
            if not unused and value.shape != (() if name == "step" else shape):
                raise _damaged(path, f"{name} of weight {number} is {tuple(value.shape)}")


def _form(value: Any) -> Any:
    """What must be equal in a saved setting and in ours: which may differ in their numbers."""
    if isinstance(value, (list, tuple)):
        return [_form(one) for one in value]
    return next(name for kind, name in _KINDS if isinstance(value, kind))


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "choice"), (type(None), "choice"), (int, "number"), (float, "number"), (object, "other")
)  # fmt: skip


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
    with reading(path):
        _check_optimiser(path, state["optimiser"], stepper)
    try:
        stepper.load_state_dict(state["optimiser"])
    except ValueError as error:
        raise CheckpointError(
            f"{path} is of a run that trained other parts of the net ({error}); freeze the same layers, "
            f"or {advice}"
        ) from None
    net.load_state_dict(state["net"])
