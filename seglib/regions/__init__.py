"""The region-based family: proposals, features of the region and of its foreground, linear SVMs, paste."""

from seglib.regions.dataset_proposals import propose_all
from seglib.regions.features import RegionFeatures
from seglib.regions.hierarchy import Hierarchy, hierarchy
from seglib.regions.proposals import Proposals
from seglib.regions.search import propose
from seglib.regions.segmenter import RegionSegmenter
from seglib.regions.strategies import FAST, QUALITY, Strategy
from seglib.regions.superpixels import superpixels

__all__ = [
    "FAST",
    "QUALITY",
    "Hierarchy",
    "Proposals",
    "RegionFeatures",
    "RegionSegmenter",
    "Strategy",
    "hierarchy",
    "propose",
    "propose_all",
    "superpixels",
]
