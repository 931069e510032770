"""What a number about training depends on, in a line."""

from __future__ import annotations

import platform

import torch
import torchvision

from seglib.profiles import cores


def machine(*said: str) -> str:
    """Cores, threads, versions, and `said`."""
    parts = (
        f"{cores()} cores, {torch.get_num_threads()} threads, {platform.machine()}",
        f"Python {platform.python_version()}, torch {torch.__version__}",
        f"torchvision {torchvision.__version__}",
    )
    return ", ".join([*parts, *said])
