"""What a student looks at, drags and draws on: the mask viewer, the metric lie detector, the annotator."""

from seglib.widgets.annotator import Annotator
from seglib.widgets.lies import LieDetector
from seglib.widgets.viewer import MaskViewer

__all__ = ["Annotator", "LieDetector", "MaskViewer"]
