"""How much memory a container may use: on a shared server, much less than the machine has."""

from __future__ import annotations

from pathlib import Path

import psutil

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
