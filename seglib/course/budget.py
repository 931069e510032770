"""What a label costs: seconds for a box and a mask, the student's own or published ones."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from seglib.course import store
from seglib.course.say import say
from seglib.files import write_text

LONGEST = 3600  # seconds for one object; more is a mistake


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


def price(box_seconds: float, mask_seconds: float) -> Price:
    """Save the student's own seconds for a box and for a mask, and say what they buy.

    Args:
        box_seconds: mean seconds for a box, as `Annotator.seconds_per_object` gives them.
        mask_seconds: mean seconds for a polygon.

    Raises:
        ValueError: one of them is not between 0 and 3600, or nothing was drawn (NaN).
        DiskError: they cannot be saved.
    """
    for what, seconds in (("box", box_seconds), ("polygon", mask_seconds)):
        if math.isnan(seconds):
            raise ValueError(f"no {what} has been drawn yet; draw at least one, then run this again")
        if not 0 < seconds <= LONGEST:
            raise ValueError(f"seconds for a {what} must be above 0 and at most {LONGEST}, got {seconds:g}")
    own = {"box": float(box_seconds), "mask": float(mask_seconds)}
    write_text(_file(), json.dumps(own))
    result = budget()
    say("What your labels cost.", str(result))
    return result


def budget() -> Price:
    """The student's own seconds if notebook 03 has saved them, else published ones; `source` says which."""
    try:
        kept = json.loads(_file().read_bytes())
        own = Price(float(kept["box"]), float(kept["mask"]), "your own boxes and polygons in notebook 03")
    except (OSError, ValueError, TypeError, KeyError):
        return PUBLISHED  # missing or damaged: the cell that saves them can be run again
    return own if 0 < own.box <= LONGEST and 0 < own.mask <= LONGEST else PUBLISHED


def _file() -> Path:
    return store.folder().parent / "prices.json"
