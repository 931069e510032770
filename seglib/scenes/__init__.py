"""Drawn tide pools with exact masks: the data set that needs no download."""

from seglib.scenes.scenes import CLASSES, SPLITS, Dials, Scene, Scenes, draw_scene

__all__ = ["CLASSES", "SPLITS", "Dials", "Scene", "Scenes", "draw_scene"]
