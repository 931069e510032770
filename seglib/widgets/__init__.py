"""What a student looks at and drags: the mask viewer and the metric lie detector."""

from seglib.widgets.lies import LieDetector
from seglib.widgets.viewer import MaskViewer

__all__ = ["LieDetector", "MaskViewer"]
