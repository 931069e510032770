"""What a number about training depends on, in a line."""

from __future__ import annotations

import platform
from pathlib import Path

import torch
import torchvision

from seglib.profiles import cores


def capability() -> str:
    """The processor's widest instructions that torch uses, and whether it computes in bfloat16."""
    short = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.backends.cpu.get_cpu_capability() + (" bfloat16" if short else "")


def processor(told: Path = Path("/proc/cpuinfo")) -> str:
    """Its family and model where Linux tells them: two with the same instructions can differ twofold."""
    if not told.exists():
        return platform.machine()
    facts = dict(line.split(":", 1) for line in told.read_text().splitlines() if ":" in line)
    said = {name.strip(): value.strip() for name, value in facts.items()}
    known = [f"{name} {said[name]}" for name in ("cpu family", "model") if name in said]
    return " ".join([platform.machine(), *known])


def machine(*said: str) -> str:
    """Cores, threads, versions, and `said`."""
    parts = (
        f"{cores()} cores, {torch.get_num_threads()} threads, {processor()} {capability()}",
        f"Python {platform.python_version()}, torch {torch.__version__}",
        f"torchvision {torchvision.__version__}",
    )
    return ", ".join([*parts, *said])
