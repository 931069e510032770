"""What a student looks at, drags and draws on: images, masks, boxes, a training run, proposals, labels."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seglib.widgets.annotator import Annotator
    from seglib.widgets.balance import BalanceBoard
    from seglib.widgets.lies import LieDetector
    from seglib.widgets.monitor import Monitor
    from seglib.widgets.proposals import ProposalExplorer
    from seglib.widgets.refinement import RefinementExplorer
    from seglib.widgets.viewer import MaskViewer

_ROOMS = {
    "Annotator": "annotator",
    "BalanceBoard": "balance",
    "LieDetector": "lies",
    "MaskViewer": "viewer",
    "Monitor": "monitor",
    "ProposalExplorer": "proposals",
    "RefinementExplorer": "refinement",
}
__all__ = [
    "Annotator",
    "BalanceBoard",
    "LieDetector",
    "MaskViewer",
    "Monitor",
    "ProposalExplorer",
    "RefinementExplorer",
]


def __getattr__(name: str) -> Any:
    """Import a widget when it is first asked for: each brings a different part of the library with it."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
