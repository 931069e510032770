"""This machine: its cores and memory, or those of a container; is a person watching; which profile fits."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import psutil

GROUP = Path("/sys/fs/cgroup")  # the control group of this process, on Linux
# Limit, use, and the line of the statistics with the size of the file cache: version 2, then version 1.
OLD = "memory/memory"
FILES = [
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (f"{OLD}.limit_in_bytes", f"{OLD}.usage_in_bytes", f"{OLD}.stat", "total_inactive_file"),
]


def total_memory() -> int:
    """Bytes of memory that this process could use at most: the machine's, or its container's limit."""
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


def is_interactive() -> bool:
    """Whether this code runs in a notebook cell that a person has run.

    A front end offers to answer `input()` with every cell it runs. Programs that run notebooks (nbval,
    nbclient, papermill, nbconvert) do not, and outside Jupyter there is no kernel.
    """
    running = kernel()
    return running is not None and bool(running.get_parent().get("content", {}).get("allow_stdin"))


def kernel() -> Any:
    """The Jupyter kernel that this code runs in, or None."""
    return getattr(ipython(), "kernel", None)


def ipython() -> Any:
    """The IPython shell that this code runs in, or None."""
    if sys.modules.get("IPython") is None:  # a shell has imported it; importing it here would take a second
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()


@dataclass(frozen=True)
class Profile:
    """How much work this machine is given: size and number of images, and the device.

    Attributes:
        name: "tiny", "laptop" or "gpu"; results of one profile are never shown as those of another.
        device: "cpu" or "cuda".
        size: (height, width) of a built-in scene, in pixels.
        images: number of scenes in the training split, by default.
        val_images: number in the other splits; a GPU gets no more, because the CPU scores them.
        threads: torch threads; 0 keeps torch's choice.
        why: the reason for this profile, in words.
    """

    name: str
    device: str
    size: tuple[int, int]
    images: int
    val_images: int
    threads: int = 0
    why: str = ""


#: name -> (size, images, val_images, threads). tiny runs every notebook on two busy cores in seconds.
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
        ValueError: SEGLIB_PROFILE is not one of the three, or is "gpu" on a machine without a GPU.

    Example:
        >>> pick_profile({"SEGLIB_PROFILE": "tiny"}).device
        'cpu'
    """
    import torch  # only here: the doctor uses this file where torch is broken

    asked, device = environ.get("SEGLIB_PROFILE", "").strip().lower(), accelerator()
    if asked and asked not in PROFILES:
        raise ValueError(f"SEGLIB_PROFILE is {asked!r}; set it to tiny, laptop or gpu, or unset it.")
    if asked == "gpu" and device == "cpu":
        raise ValueError("SEGLIB_PROFILE is 'gpu', but torch finds no CUDA device. Try laptop.")
    name, why = (asked, "SEGLIB_PROFILE says so") if asked else _suited(device, cores(), memory_gb())
    size, images, val_images, threads = PROFILES[name]
    if cores() < torch.get_num_threads():  # torch counts those of the machine, not of the container
        threads = threads or cores()
    return Profile(name, device if name == "gpu" else "cpu", size, images, val_images, threads, why)


def _suited(device: str, cores: int, memory: float) -> tuple[str, str]:
    """Name of the profile and the reason, from the device, the number of cores and the memory in GB."""
    if device != "cpu":
        return "gpu", f"torch can use {device}"
    if cores < 2 or memory < 4:
        return "tiny", f"{cores} core(s) and {memory:.0f} GB of memory"
    return "laptop", f"{cores} cores, no GPU that the course can use"


def accelerator() -> str:
    """The device type of the course: "cuda" if torch can use a GPU, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def cores() -> int:
    """The CPU cores this process may use."""
    return int(joblib.cpu_count())  # knows what a container may use


def memory_gb() -> float:
    """The memory of this machine, or what its container may use of it, in GB."""
    return total_memory() / 1e9
