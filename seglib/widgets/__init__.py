"""What a student looks at, drags and draws on: viewer, lie detector, annotator, balance board, monitor."""

from seglib.widgets.annotator import Annotator
from seglib.widgets.balance import BalanceBoard
from seglib.widgets.lies import LieDetector
from seglib.widgets.monitor import Monitor
from seglib.widgets.viewer import MaskViewer

__all__ = ["Annotator", "BalanceBoard", "LieDetector", "MaskViewer", "Monitor"]
