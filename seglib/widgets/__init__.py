"""What a student looks at, drags and draws on: mask viewer, metric lie detector, annotator, balance board."""

from seglib.widgets.annotator import Annotator
from seglib.widgets.balance import BalanceBoard
from seglib.widgets.lies import LieDetector
from seglib.widgets.viewer import MaskViewer

__all__ = ["Annotator", "BalanceBoard", "LieDetector", "MaskViewer"]
