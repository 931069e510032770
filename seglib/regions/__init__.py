"""The region-based family: proposals, features of the region and of its foreground, linear SVMs, paste."""

from seglib.regions.features import RegionFeatures
from seglib.regions.grouping import hierarchy
from seglib.regions.proposals import Proposals, cached_proposals, propose
from seglib.regions.segmenter import RegionSegmenter

__all__ = ["Proposals", "RegionFeatures", "RegionSegmenter", "cached_proposals", "hierarchy", "propose"]
