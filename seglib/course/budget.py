"""What a label costs: seconds for a box and a mask, the student's own or published ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from seglib.course import store
from seglib.course.say import say
from seglib.files import read_json, write_text
from seglib.widgets.annotator.annotator import Annotator

LONGEST = 3600  # seconds for one object; more is a mistake
LEAST = 10  # boxes and polygons from which on they make a price
AGREES = 0.7  # the least mean IoU with the true objects


@dataclass(frozen=True)
class Price:
    """Seconds of human work that labels cost.

    Attributes:
        box: seconds for a box.
        mask: seconds for a mask.
        source: where these two numbers come from.

    Example:
        >>> example = Price(box=6, mask=45, source="an example")
        >>> example.boxes_per_mask, example.buys(hours=1)
        (7.5, {'boxes': 600, 'masks': 80})
    """

    box: float
    mask: float
    source: str

    @property
    def boxes_per_mask(self) -> float:
        """How many boxes can be drawn in the time for one mask."""
        return self.mask / self.box

    def buys(self, hours: float) -> dict[str, int]:
        """How many boxes, or instead how many masks, `hours` of work buy."""
        return {"boxes": int(3600 * hours / self.box), "masks": int(3600 * hours / self.mask)}

    def __str__(self) -> str:
        hour = self.buys(1)
        return (
            f"A box costs {self.box:.1f} s ({hour['boxes']} an hour), a mask {self.mask:.1f} s "
            f"({hour['masks']} an hour), as much as {self.boxes_per_mask:.1f} boxes. Source: {self.source}."
        )


#: Boxes by four extreme clicks; masks of COCO: 22 worker hours for 1000.
PUBLISHED = Price(
    box=7.0,
    mask=79.2,
    source="published: box by extreme clicking, Papadopoulos et al. 2017; COCO mask, Lin et al. 2014",
)


def price(boxes: Annotator, polygons: Annotator) -> Price:
    """What a box and a mask cost you, saved for later; the published price if too little was drawn.

    A handful of hasty strokes is no price: it needs at least ten boxes and ten polygons, whose mean IoU with
    the true objects is at least 0.7.

    Args:
        boxes: the `Annotator` of the boxes.
        polygons: that of the polygons.

    Raises:
        DiskError: the price cannot be saved.
    """
    drawn = {"box": boxes, "mask": polygons}
    seconds = {name: float(one.seconds_per_object) for name, one in drawn.items()}
    if reason := _why_not("boxes", boxes) or _why_not("polygons", polygons):
        say("The published price is used.", f"{reason} {budget()}")
        return budget()
    write_text(_file(), json.dumps(seconds | {"objects": LEAST}))
    result = budget()
    say("What your labels cost.", str(result))
    return result


def _why_not(what: str, drawn: Annotator) -> str:
    """Why the time of what was drawn is not a price; empty if it is one."""
    number = sum(len(image.annotations) for image in drawn.annotations.images)
    if number < LEAST:
        return f"You have drawn {number} {what}; your own seconds count from {LEAST} on."
    found = torch.cat([drawn.agreement(index).iou for index in range(len(drawn.work))])
    if (mean := float(found.mean())) < AGREES:
        overlap = f"overlap the true ones by {mean:.2f} (mean IoU)"
        return f"Your {what} {overlap}; your seconds count from {AGREES} on."
    if not 0 < drawn.seconds_per_object <= LONGEST:
        return f"Your {what} took {drawn.seconds_per_object:g} s each, which cannot be."
    return ""


def budget() -> Price:
    """The student's own seconds if notebook 03b has saved them, else published ones; `source` says which."""
    try:
        kept = read_json(_file())
        own = Price(float(kept["box"]), float(kept["mask"]), "your own boxes and polygons in notebook 03b")
        enough = kept["objects"] >= LEAST  # of files of earlier versions nobody knows
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return PUBLISHED  # missing or damaged: the cell that saves them can be run again
    return own if enough and 0 < own.box <= LONGEST and 0 < own.mask <= LONGEST else PUBLISHED


def _file() -> Path:
    return store.folder().parent / "prices.json"
