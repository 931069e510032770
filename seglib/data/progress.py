"""A progress bar on stderr for loops over many files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")
FEW = 200  # files: below, the loop is over before a bar can be read


def tracked(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The items, with a bar that says `what` is being done and for how long yet; none where they are few."""
    return iter(track(items, what, total, console=Console(stderr=True), transient=True, disable=total < FEW))
