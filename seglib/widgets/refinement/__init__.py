"""The refinement explorer: labels made from boxes, and what each rule makes of them round by round."""

from seglib.widgets.refinement.explorer import RefinementExplorer

__all__ = ["RefinementExplorer"]
