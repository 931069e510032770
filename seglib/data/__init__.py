"""Data sets: images with masks, read from files or drawn, and what is known of them."""

from seglib.data.in_memory import InMemoryDataset, in_memory

__all__ = ["InMemoryDataset", "in_memory"]
