"""What a checkpoint holds of a training, and how a training goes on from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from seglib.evaluate import Scores
from seglib.training.checkpoint import CheckpointError

if TYPE_CHECKING:
    from seglib.training.run import Run


def state_of(run: Run) -> dict[str, Any]:
    """Everything that is needed to go on: tensors, numbers and words."""
    scores = [
        {"number": number, "confusion": one.confusion, "data": one.data, "name": one.name,
         "images": one.images, "seconds": one.seconds}
        for number, one in run.history.scores.items()
    ]  # fmt: skip
    return {
        "net": run.net.state_dict(), "optimiser": run.optimiser.state_dict(), "number": run.number,
        "seconds": run.now, "prepared": run.prepared, "pieces": run.pieces,
        "precision": run.precision, "losses": torch.tensor(run.history.losses, dtype=torch.float64),
        "scores": scores, "settings": run.settings,
    }  # fmt: skip


def weights_from(run: Run, path: Path, state: dict[str, Any]) -> None:
    """Put weights and the optimiser's moments where they were: the net last, whole or not at all.

    Raises:
        CheckpointError: other parts of the net were trained.
    """
    try:
        run.optimiser.load_state_dict(state["optimiser"])
    except ValueError as error:
        raise CheckpointError(
            f"{path} is of a training of other parts of the net ({error}); freeze the same layers, or begin "
            "anew with resume=False"
        ) from None
    run.net.load_state_dict(state["net"])


def go_on(run: Run, path: Path, state: dict[str, Any]) -> None:
    """Take up a training where it was left.

    Raises:
        CheckpointError: other parts of the net were trained.
    """
    weights_from(run, path, state)
    run.number, run.pieces = state["number"], state["pieces"]
    if run.precision == "auto":
        run.precision = state["precision"]
    if run.number:
        run.prepared, run.now = state["prepared"], state["seconds"]
    run.history.losses[:] = state["losses"].tolist()
    for row in state["scores"]:
        numbers = {name: value for name, value in row.items() if name != "number"}
        run.history.scores[row["number"]] = Scores(
            classes=run.dataset.classes, boundary=None, outlines=None, **numbers
        )
