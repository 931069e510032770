"""What people draw on pictures: boxes and polygons, each with its class and the seconds it took.

Coordinates are points of a plane in which pixel (x, y) covers x..x+1, y..y+1. So the box of a whole picture
is (0, 0, width, height), and the corner x2, y2 of any box is exclusive when it is read in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from seglib.data.coco_shapes import draw
from seglib.data.dataset import Instances
from seglib.labels import Classes

Point = tuple[float, float]
Box = tuple[float, float, float, float]
SLACK = 1  # pixels: how far outside of its picture a corner may lie, for tools that round


@dataclass(frozen=True)
class Annotation:
    """One object.

    Attributes:
        name: its class.
        box: x1 y1 x2 y2, with x1 < x2 and y1 < y2.
        polygons: the outlines of its parts, each three corners (x, y) or more; () if only the box is known.
        seconds: how long a person took to draw it; None where nobody counted.

    Raises:
        ValueError: one of these rules is broken.

    Example:
        >>> Annotation.outline("fish", [(1, 1), (4, 1), (4, 3.5)]).box
        (1, 1, 4, 3.5)
    """

    name: str
    box: Box
    polygons: tuple[tuple[Point, ...], ...] = ()
    seconds: float | None = None

    def __post_init__(self) -> None:
        x1, y1, x2, y2 = self.box
        numbers = [*self.box, *chain(*chain(*self.polygons))]
        if not all(math.isfinite(value) for value in numbers):
            raise ValueError(f"the object '{self.name}' has a coordinate that is not a finite number")
        if x1 >= x2 or y1 >= y2:
            raise ValueError(
                f"the box {self.box} of '{self.name}' has no area or swapped corners: x1 < x2, y1 < y2"
            )
        if shortest := [polygon for polygon in self.polygons if len(polygon) < 3]:
            raise ValueError(
                f"a polygon of '{self.name}' has {len(shortest[0])} corners; it needs three or more"
            )
        if self.seconds is not None and not 0 <= self.seconds < math.inf:
            raise ValueError(f"'{self.name}' cannot have taken {self.seconds} seconds")

    @classmethod
    def outline(cls, name: str, *polygons: Sequence[Point], seconds: float | None = None) -> Annotation:
        """An object drawn as one polygon or several; its box is the tightest around the corners."""
        xs, ys = zip(*((x, y) for polygon in polygons for x, y in polygon))
        parts = tuple(tuple((x, y) for x, y in polygon) for polygon in polygons)
        return cls(name, (min(xs), min(ys), max(xs), max(ys)), parts, seconds)


@dataclass(frozen=True)
class Picture:
    """One picture and what was drawn on it.

    Attributes:
        file_name: as the files of every format name it; with "/" between folders.
        width: pixels.
        height: pixels.
        annotations: the objects, in the order in which they were drawn.
        seconds: all the time a person spent on this picture, searching included; None where nobody counted.

    Raises:
        ValueError: the size is not positive, or an object leaves the picture by more than a pixel.
    """

    file_name: str
    width: int
    height: int
    annotations: tuple[Annotation, ...] = ()
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"{self.file_name} cannot be {self.width} pixels wide and {self.height} high")
        for annotation in self.annotations:
            for x, y in [annotation.box[:2], annotation.box[2:], *chain(*annotation.polygons)]:
                if not (-SLACK <= x <= self.width + SLACK and -SLACK <= y <= self.height + SLACK):
                    raise ValueError(
                        f"the object '{annotation.name}' has a corner at ({x:g}, {y:g}), outside of "
                        f"{self.file_name}, {self.width} wide and {self.height} high"
                    )

    def boxes(self) -> Tensor:
        """(M, 4) int64 x1 y1 x2 y2 in whole pixels, end-exclusive, inside the picture.

        A corner between two pixels is moved outwards, so that the box holds everything that it held.
        """
        boxes = torch.tensor([annotation.box for annotation in self.annotations], dtype=torch.float64)
        corners = boxes.reshape(-1, 2, 2)  # (M, first and second corner, x and y)
        whole = torch.stack([corners[:, 0].floor(), corners[:, 1].ceil()], dim=1).long()
        return whole.clamp_(torch.zeros(2).long(), torch.tensor([self.width, self.height])).reshape(-1, 4)

    def masks(self) -> Tensor:
        """(M, height, width) bool: polygons as COCO's own tools fill them, boxes without a polygon filled."""
        masks = torch.zeros(len(self.annotations), self.height, self.width, dtype=torch.bool)
        boxes = self.boxes().tolist()
        for mask, annotation, (x1, y1, x2, y2) in zip(masks, self.annotations, boxes):
            if annotation.polygons:
                flat = [[*chain(*polygon)] for polygon in annotation.polygons]
                mask |= torch.from_numpy(draw(flat, self.height, self.width))
            else:
                mask[y1:y2, x1:x2] = True
        return masks

    def instances(self, classes: Classes) -> Instances:
        """The objects as a data set would give them, one for each annotation, in the same order.

        Raises:
            ValueError: a name is not one of `classes`.
        """
        indices = [classes.index(annotation.name) for annotation in self.annotations]
        return Instances(self.masks(), torch.tensor(indices, dtype=torch.long), self.boxes())


@dataclass(frozen=True)
class AnnotationSet:
    """Pictures with what was drawn on them, as one file or folder of annotations holds it.

    Attributes:
        names: the classes, in the order in which formats number them.
        pictures: one entry a picture, also where nothing was drawn.

    Raises:
        ValueError: two classes or two pictures have one name, or an object has a class that is not listed.
    """

    names: tuple[str, ...]
    pictures: tuple[Picture, ...]

    def __post_init__(self) -> None:
        for what, names in (
            ("classes", self.names),
            ("pictures", [picture.file_name for picture in self.pictures]),
        ):
            if len(set(names)) < len(names):
                twice = next(name for number, name in enumerate(names) if name in names[:number])
                raise ValueError(f"two {what} are called '{twice}'; names must differ")
        for picture in self.pictures:
            for annotation in picture.annotations:
                if annotation.name not in self.names:
                    raise ValueError(
                        f"{picture.file_name}: an object is called '{annotation.name}', but the classes are "
                        f"{', '.join(self.names) or 'none'}"
                    )

    @property
    def seconds_per_object(self) -> float:
        """The time spent on all pictures, searching included, for each timed object; NaN without any.

        A picture on which nothing was found costs time as well, and a budget pays for it.
        """
        timed = sum(one.seconds is not None for picture in self.pictures for one in picture.annotations)
        return sum(picture.seconds or 0 for picture in self.pictures) / timed if timed else math.nan

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.pictures)

    def __iter__(self) -> Iterator[Picture]:
        """The pictures in order."""
        return iter(self.pictures)

    def __getitem__(self, index: int) -> Picture:
        """Picture number `index`."""
        return self.pictures[index]
