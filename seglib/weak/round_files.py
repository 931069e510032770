"""Rounds on disk: each round's labels, its net and what was measured, so that the work goes on."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from seglib import files as tensor_files
from seglib.evaluate import Scores
from seglib.files import TensorFileError
from seglib.labels import Classes
from seglib.weak.labelled import Labelled
from seglib.weak.quality import Quality

FORMAT = "seglib rounds 1"
COUNTED = ("name", "data", "confusion", "boundary", "outlines", "images", "seconds")  # of Scores


class Shelf:
    """The folder of some rounds; without one nothing is kept and nothing found.

    Args:
        folder: is made if it is not there.
        settings: what these rounds are; a folder of others is refused.

    Raises:
        TensorFileError: the folder holds other rounds, or a file is damaged; the sentence names it.
        DiskError: the disk is full or may not be written to.
    """

    def __init__(self, folder: Path | str | None, settings: Mapping[str, str]) -> None:
        self.folder = Path(folder) if folder is not None else None
        kept = self._read("rounds.pt")
        if kept is None:
            self._write("rounds.pt", {"settings": dict(settings)})
            return
        then = kept["settings"]
        if changed := [name for name in settings if settings[name] != then.get(name)]:
            was, now = (", ".join(f"{name} {one.get(name)}" for name in changed) for one in (then, settings))
            raise TensorFileError(
                f"{self.folder} is of other rounds: they had {was}; these have {now}; give another folder, "
                "or delete this one to begin anew"
            )

    def checkpoint(self, number: int) -> Path | None:
        """Where the training of a round is kept while it runs."""
        return None if self.folder is None else self.folder / f"training{number:02}.pt"

    def labels(self, number: int, like: Labelled) -> Labelled | None:
        """The labels of a round, if they were made before."""
        kept = self._read(f"labels{number:02}.pt")
        return None if kept is None else like.relabelled(kept["masks"], kept["scheme"])

    def keep_labels(self, number: int, labels: Labelled) -> None:
        """Write a round's labels."""
        self._write(f"labels{number:02}.pt", {"masks": labels.packed, "scheme": labels.scheme})

    def result(self, number: int, net: nn.Module) -> dict[str, Any] | None:
        """What was measured in a round that is over; its weights are put into the net."""
        kept = self._read(name := f"round{number:02}.pt")
        if kept is not None:
            tensor_files.fill(self._path(name), net, kept.pop("weights"))
        return kept

    def keep_result(self, number: int, net: nn.Module, result: Mapping[str, Any]) -> None:
        """Write a round that is over; its training's checkpoint is no longer needed."""
        self._write(f"round{number:02}.pt", {**result, "weights": weights(net)})
        if path := self.checkpoint(number):
            path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        assert self.folder is not None
        return self.folder / name

    def _read(self, name: str) -> dict[str, Any] | None:
        if self.folder is None or not self._path(name).exists():
            return None
        kept = tensor_files.read(self._path(name))
        if kept.pop("format", None) != FORMAT:
            raise TensorFileError(f"{self._path(name)} is no file of rounds; give another folder")
        return kept

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        if self.folder is not None:
            tensor_files.write(self._path(name), {"format": FORMAT, **content})


def weights(net: nn.Module) -> dict[str, Tensor]:
    """Everything a net has learned, copied to main memory."""
    return {name: value.detach().to("cpu", copy=True) for name, value in net.state_dict().items()}


def scores_to_dict(scores: Scores | None) -> dict[str, Any] | None:
    """Scores as counts and words."""
    return None if scores is None else {name: getattr(scores, name) for name in COUNTED}


def scores_from_dict(kept: Mapping[str, Any] | None, classes: Classes) -> Scores | None:
    """What `scores_to_dict` was given."""
    return None if kept is None else Scores(classes=classes, **kept)


def quality_to_dict(found: Quality | None) -> dict[str, Any] | None:
    """A `Quality` as counts and words."""
    if found is None:
        return None
    sides = {side: scores_to_dict(getattr(found, side)) for side in ("labelled", "filled")}
    return {**sides, "ignored": found.ignored}


def quality_from_dict(kept: Mapping[str, Any] | None, classes: Classes) -> Quality | None:
    """What `quality_to_dict` was given."""
    if kept is None:
        return None
    labelled, filled = (Scores(classes=classes, **kept[side]) for side in ("labelled", "filled"))
    return Quality(labelled, filled, kept["ignored"])


def digest(packed: Sequence[Tensor]) -> str:
    """A short name for some masks."""
    whole = hashlib.blake2b(digest_size=8)
    for one in packed:
        whole.update(one.numpy().tobytes())
    return whole.hexdigest()


def told(value: Any) -> str:
    """A setting in words that are the same in another process: no addresses."""
    if isinstance(value, partial):
        return f"{told(value.func)}({', '.join(f'{key}={told(one)}' for key, one in value.keywords.items())})"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [f"{field.name}={told(getattr(value, field.name))}" for field in dataclasses.fields(value)]
        return f"{type(value).__name__}({', '.join(parts)})"
    return str(getattr(value, "__name__", type(value).__name__)) if callable(value) else str(value)
