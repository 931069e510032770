"""How much memory a container may use: on a shared server, much less than the machine has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import psutil
import torch

GROUP = Path("/sys/fs/cgroup")  # Linux's control group, as a process in a container sees its own
# Limit, use, and the line of the statistics with what is only a cache of files: version 2, then version 1.
FILES = [
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
]


def total_memory() -> int:
    """Bytes of memory that this process could ever use: those of the machine, or its container's limit."""
    total: int = psutil.virtual_memory().total
    limit = _limit()
    return min(total, limit[0]) if limit else total


def free_memory() -> int:
    """Bytes of memory that are free, on the machine and up to the container's limit."""
    free: int = psutil.virtual_memory().available
    limit = _limit()
    return max(0, min(free, limit[0] - limit[1])) if limit else free


def _limit() -> tuple[int, int] | None:
    """Limit and use of the control group in bytes; None where there is no limit."""
    for limit, used, statistics, cache in FILES:
        try:
            lines = dict(line.split() for line in (GROUP / statistics).read_text().splitlines())
            held = int((GROUP / used).read_text()) - int(lines.get(cache, 0))
            return int((GROUP / limit).read_text()), held
        except (OSError, ValueError):  # another version, another system, or "max": no limit
            continue
    return None


# Whether somebody is there to see a bar move, or to press a button.


def is_interactive() -> bool:
    """Whether this code runs in a cell that a person has run in a front end.

    A front end offers to answer `input()` with every cell it runs. What runs notebooks by itself (nbval,
    nbclient, papermill, nbconvert) does not, and outside of Jupyter there is no kernel.
    """
    running = kernel()
    return running is not None and bool(running.get_parent().get("content", {}).get("allow_stdin"))


def kernel() -> Any:
    """The Jupyter kernel that this code runs in, or None."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return getattr(get_ipython(), "kernel", None)


# How much work this machine is asked to do: one of three profiles, picked by what it has.


@dataclass(frozen=True)
class Profile:
    """How large the images are, how many there are, and where the tensors live.

    Attributes:
        name: "tiny", "laptop" or "gpu"; numbers of one profile are never shown as another's.
        device: "cpu" or "cuda".
        size: (height, width) of a built-in scene, in pixels.
        images: how many scenes the training split has where nobody says.
        judged: how many the other splits have; no more on a GPU, because the processor judges.
        threads: torch threads; 0 leaves torch's own choice.
        why: what was seen on this machine, in words.
    """

    name: str
    device: str
    size: tuple[int, int]
    images: int
    judged: int
    threads: int = 0
    why: str = ""


#: name -> (size, images, judged, threads). tiny runs every notebook on two busy cores in seconds.
PROFILES = {
    "tiny": ((160, 160), 24, 24, 1),
    "laptop": ((160, 160), 200, 200, 0),
    "gpu": ((256, 256), 1000, 200, 0),
}


def pick_profile(environ: Mapping[str, str] = os.environ) -> Profile:
    """The profile for this machine; the variable SEGLIB_PROFILE overrides the choice.

    A CUDA device gives "gpu"; fewer than two cores or less than 4 GB of memory give "tiny";
    everything else is a "laptop". "tiny" and "laptop" use the CPU. An Apple GPU is not used.

    Raises:
        ValueError: SEGLIB_PROFILE is none of the three, or "gpu" on a machine without a GPU.

    Example:
        >>> pick_profile({"SEGLIB_PROFILE": "tiny"}).device
        'cpu'
    """
    wish, device = environ.get("SEGLIB_PROFILE", "").strip().lower(), accelerator()
    if wish and wish not in PROFILES:
        raise ValueError(f"SEGLIB_PROFILE is {wish!r}; it may be tiny, laptop or gpu, or be left out.")
    if wish == "gpu" and device == "cpu":
        raise ValueError("SEGLIB_PROFILE is 'gpu', but torch finds no CUDA device. Try laptop.")
    name, why = (wish, "SEGLIB_PROFILE says so") if wish else _suited(device, cores(), memory())
    size, images, judged, threads = PROFILES[name]
    if cores() < torch.get_num_threads():  # torch counts the machine's, which a container shares with others
        threads = threads or cores()
    return Profile(name, device if name == "gpu" else "cpu", size, images, judged, threads, why)


def _suited(device: str, cores: int, memory: float) -> tuple[str, str]:
    """Name of the profile and the reason, from the device, the number of cores and the memory in GB."""
    if device != "cpu":
        return "gpu", f"torch can use {device}"
    if cores < 2 or memory < 4:
        return "tiny", f"{cores} core(s) and {memory:.0f} GB of memory"
    return "laptop", f"{cores} cores, no GPU that the course can use"


def accelerator() -> str:
    """The device type that this course uses beside the processor, "cuda"; else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def cores() -> int:
    """The CPU cores this process may use."""
    return int(joblib.cpu_count())  # knows what a container may use


def memory() -> float:
    """The memory of this machine, or what its container may use of it, in GB."""
    return total_memory() / 1e9
