"""The region-based family: proposals, features of the region and of its foreground, linear SVMs, paste."""

from seglib.regions.dataset_proposals import propose_all
from seglib.regions.features import RegionFeatures
from seglib.regions.grouping import FAST, QUALITY, Hierarchy, Strategy, hierarchy
from seglib.regions.proposals import Proposals, propose
from seglib.regions.segmenter import RegionSegmenter
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
