"""The region-based family: proposals, features of the region and of its foreground, linear SVMs, paste."""

from seglib.regions.proposals import Proposals

__all__ = ["Proposals"]
