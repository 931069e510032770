"""What a number about training depends on, in a line."""

from __future__ import annotations

import platform

import torch
import torchvision

from seglib.profiles import cores


def capability() -> str:
    """The processor's widest instructions that torch uses, and whether it computes in bfloat16."""
    short = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.backends.cpu.get_cpu_capability() + (" bfloat16" if short else "")


def machine(*said: str) -> str:
    """Cores, threads, versions, and `said`."""
    parts = (
        f"{cores()} cores, {torch.get_num_threads()} threads, {platform.machine()} {capability()}",
        f"Python {platform.python_version()}, torch {torch.__version__}",
        f"torchvision {torchvision.__version__}",
    )
    return ", ".join([*parts, *said])
