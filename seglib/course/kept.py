"""Segmenters that a notebook trained, kept next to the student's progress for notebook 08."""

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from seglib.course import store
from seglib.course.budget import Price
from seglib.course.say import say
from seglib.course.session import Session
from seglib.data.dataset import SegmentationDataset
from seglib.fcn import FCNSegmenter
from seglib.files import read_json, write_text
from seglib.regions import RegionSegmenter
from seglib.segmenters import NetSegmenter

SAMPLED = 60  # images whose objects are counted; in a larger data set their number is estimated from these


@dataclass(frozen=True)
class Kept:
    """A segmenter that an earlier notebook trained.

    Attributes:
        segmenter: ready to predict.
        name: what its notebook called it.
        family: "regions", "fcn" or "weak".
        origin: "notebook 05b".
        seconds: that its training took.
        images: how many it learned from.
        objects: in these images.
        labels: "mask" or "box": what was drawn around each object.
    """

    segmenter: NetSegmenter | RegionSegmenter
    name: str
    family: str
    origin: str
    seconds: float
    images: int
    objects: float
    labels: str

    def row(self, price: Price) -> dict[str, Any]:
        """What `Board.add` asks for besides the segmenter; labels at this price for an object."""
        minutes = self.objects * (price.box if self.labels == "box" else price.mask) / 60
        own = {name: getattr(self, name) for name in ("name", "family", "origin")}
        return own | {"train_seconds": self.seconds, "minutes": minutes}


def count_objects(data: SegmentationDataset) -> float:
    """How many objects a data set has; estimated from 60 images if it is larger.

    Raises:
        ValueError: the data set does not know its objects.
    """
    source = getattr(data, "source", data)
    some = source.spread(SAMPLED)
    found = [some.instances(index) for index in range(len(some))]
    if None in found:
        raise ValueError(
            f"{source.name} does not know its objects, so nobody can say what labelling them costs"
        )
    return sum(len(one) for one in found if one is not None) * len(source) / len(some)


def keep(
    lesson: Session,
    segmenter: NetSegmenter | RegionSegmenter,
    data: SegmentationDataset,
    *,
    name: str,
    family: str,
    seconds: float,
    labels: str = "mask",
) -> None:
    """Save a trained segmenter for notebook 08; a disk that is full is one sentence, not an error.

    Args:
        lesson: what `start` returned.
        segmenter: trained.
        data: the images that it learned from, with their objects.
        name: what the leaderboard calls it; one of the same name and notebook is replaced.
        family: "regions", "fcn" or "weak".
        seconds: that its training took.
        labels: "mask" or "box": what it learned from.

    Raises:
        ValueError: the data set does not know its objects.
    """
    source = getattr(data, "source", data)
    number = lesson.lesson.number
    facts = _learned_from(lesson, source) | {
        "name": name, "family": family, "origin": f"notebook {number}", "labels": labels,
        "seconds": float(seconds), "images": len(source), "objects": count_objects(source),
        "regions": isinstance(segmenter, RegionSegmenter),
    }  # fmt: skip
    path = _folder() / f"{number}-{re.sub('[^a-z0-9]+', '-', name.lower())}.json"
    try:
        path.unlink(missing_ok=True)  # facts are written last, so they never belong to another net
        segmenter.save(path.with_suffix(".pt"))
        write_text(path, json.dumps(facts))
    except OSError as error:
        say(f"{name} was not kept for notebook 08.", f"{error} There it is trained again.")


def kept(lesson: Session, data: SegmentationDataset) -> list[Kept]:
    """What earlier notebooks kept that learned from the same data set, in the same profile.

    A file that cannot be read is left out, with one sentence.

    Args:
        lesson: what `start` returned.
        data: its name and classes are compared.
    """
    wanted, found = _learned_from(lesson, data).items(), []
    for path in sorted(_folder().glob("*.json")):
        try:
            facts = read_json(path)
            if any(facts[key] != value for key, value in wanted):
                continue
            load = RegionSegmenter.load if facts["regions"] else FCNSegmenter.load
            kinds = get_type_hints(Kept).items()
            own = {name: kind(facts[name]) for name, kind in kinds if name != "segmenter"}
            found.append(Kept(load(path.with_suffix(".pt")), **own))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            say(f"{path.name} cannot be used.", f"{error}. It is trained again here.")
    return found


def _learned_from(lesson: Session, data: SegmentationDataset) -> dict[str, Any]:
    """What must be the same where a segmenter comes back."""
    return {"profile": lesson.profile.name, "data": data.name, "classes": list(data.classes.names)}


def _folder() -> Path:
    return store.folder().parent / "kept"


def cold_seconds(segmenter: RegionSegmenter, data: SegmentationDataset, measured: float) -> float:
    """Seconds that a region segmenter's training takes where none of its features are on the disk yet.

    Args:
        segmenter: fitted.
        data: the images that it learned from; the features of the first are computed anew.
        measured: what `fit` took, with or without features on the disk.

    Returns:
        The measured seconds, or those of the features alone if these are more.
    """
    started = time.perf_counter()
    segmenter.extractor.extract(data[0][0])
    return max(measured, len(data) * (time.perf_counter() - started))
