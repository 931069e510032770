"""Drawn tide pools with exact masks: the data set that needs no download."""

from seglib.scenes.scenes import CLASSES, SMALLEST, SPLITS, Dials, Scene, Scenes, draw_scene

__all__ = ["CLASSES", "SMALLEST", "SPLITS", "Dials", "Scene", "Scenes", "draw_scene"]
