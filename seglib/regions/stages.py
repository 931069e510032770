"""Where the time goes: seconds by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("proposals", "crops", "net", "svm", "paste")


class Stages:
    """A stopwatch for each stage of the pipeline, and a count of images.

    Attributes:
        seconds: {stage: seconds so far}, in the order of the pipeline.
        images: how many images these are.

    Example:
        >>> stages = Stages()
        >>> with stages("crops"):
        ...     time.sleep(0.01)
        >>> stages.seconds["crops"] >= 0.01, stages.seconds["net"]
        (True, 0.0)
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(NAMES, 0.0)
        self.images = 0

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the time inside of the `with` to this stage."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - begin

    def add(self, other: Stages) -> None:
        """Count another image or more in."""
        self.images += other.images
        for stage, seconds in other.seconds.items():
            self.seconds[stage] += seconds

    @property
    def per_image(self) -> dict[str, float]:
        """{stage: seconds for one image}."""
        return {stage: seconds / max(self.images, 1) for stage, seconds in self.seconds.items()}
