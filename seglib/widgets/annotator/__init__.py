"""The annotator: boxes and polygons drawn by hand while a clock runs."""

from seglib.widgets.annotator.annotator import Annotator

__all__ = ["Annotator"]
