"""What a student looks at, drags and draws on: images, masks, boxes, a training run, proposals, labels."""

from importlib import import_module
from typing import Any

_ROOMS = {
    "Annotator": "annotator",
    "BalanceBoard": "balance",
    "LieDetector": "lies",
    "MaskViewer": "viewer",
    "Monitor": "monitor",
    "ProposalExplorer": "proposals",
    "RefinementExplorer": "refinement",
}
__all__ = list(_ROOMS)


def __getattr__(name: str) -> Any:
    """Import a widget when it is first asked for: each brings a different part of the library with it."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
