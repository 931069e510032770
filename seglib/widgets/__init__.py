"""What a student looks at, drags and draws on: images, masks, boxes, a training, proposals, labels."""

from seglib.widgets.annotator import Annotator
from seglib.widgets.balance import BalanceBoard
from seglib.widgets.lies import LieDetector
from seglib.widgets.monitor import Monitor
from seglib.widgets.proposals import ProposalExplorer
from seglib.widgets.refinement import RefinementExplorer
from seglib.widgets.viewer import MaskViewer

__all__ = [
    "Annotator",
    "BalanceBoard",
    "LieDetector",
    "MaskViewer",
    "Monitor",
    "ProposalExplorer",
    "RefinementExplorer",
]
