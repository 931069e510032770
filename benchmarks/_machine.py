"""What a number about training depends on, in a line."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import torch
import torchvision

from seglib.machine import cores


def capability() -> str:
    """The processor's widest instructions that torch uses, and whether it computes in bfloat16."""
    short = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.backends.cpu.get_cpu_capability() + (" bfloat16" if short else "")


def processor() -> str:
    """Its family and model where Linux gives them: two with the same instructions can differ twofold."""
    file = Path("/proc/cpuinfo")
    facts = re.findall(r"^(cpu family|model)\s*:\s*(\d+)$", file.read_text() if file.exists() else "", re.M)
    return " ".join([platform.machine(), *(f"{name} {value}" for name, value in dict(facts).items())])


def accelerated() -> str:
    """The processor, the cores that this process may use, and the GPU if there is one."""
    gpu = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    return ", ".join([f"{processor()} {capability()}", f"{cores()} cores", *gpu])


def machine(*more: str) -> str:
    """Cores, threads, versions, and `more`."""
    parts = (
        f"{cores()} cores, {torch.get_num_threads()} threads, {processor()} {capability()}",
        f"Python {platform.python_version()}, torch {torch.__version__}",
        f"torchvision {torchvision.__version__}",
    )
    return ", ".join([*parts, *more])
