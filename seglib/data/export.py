"""Writing what was drawn or predicted: annotations as COCO JSON, masks as PNG files of class indices."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet, Point
from seglib.files import write_text, write_whole
from seglib.labels import VOID, Classes, check_mask


def write_coco(path: Path, annotations: AnnotationSet) -> None:
    """Write a COCO file; ids count from 1, an object without an outline has an empty "segmentation".

    Raises:
        DiskError: the file cannot be written; an older file of that name is unchanged.
    """
    category = {name: id_ for id_, name in enumerate(annotations.names, 1)}
    images: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    for id_, image in enumerate(annotations, 1):
        size = {"width": image.width, "height": image.height}
        images.append({"id": id_, "file_name": image.file_name, **size} | _seconds(image))
        for one in image.annotations:
            ids = {"id": len(objects) + 1, "image_id": id_, "category_id": category[one.name]}
            objects.append(ids | _shape(one) | _seconds(one))
    categories = [{"id": id_, "name": name} for name, id_ in category.items()]
    content = {"images": images, "annotations": objects, "categories": categories}
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False))


def _shape(one: Annotation) -> dict[str, Any]:
    x1, y1, x2, y2 = one.box
    area = sum(map(_area, one.polygons)) if one.polygons else (x2 - x1) * (y2 - y1)
    segmentation = [[*chain(*polygon)] for polygon in one.polygons]
    return {"bbox": [x1, y1, x2 - x1, y2 - y1], "segmentation": segmentation, "area": area, "iscrowd": 0}


def _seconds(timed: Annotation | AnnotatedImage) -> dict[str, float]:
    return {} if timed.seconds is None else {"seconds": timed.seconds}


def _area(polygon: tuple[Point, ...]) -> float:
    """The area of a polygon, by the shoelace formula."""
    after = (*polygon[1:], polygon[0])
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(polygon, after))) / 2


def write_mask(path: Path, mask: Tensor, classes: Classes) -> None:
    """Write a mask as a PNG file of class indices, void as 255, that viewers show in the classes' colours.

    Args:
        path: the .png file.
        mask: (H, W) class indices or 255; any integer dtype.
        classes: K classes.

    Raises:
        ValueError: a value is neither a class nor 255.
        DiskError: the file cannot be written; an older file of that name is unchanged.

    Example:
        >>> import tempfile, torch
        >>> from seglib.data.images import read_labels
        >>> path = Path(tempfile.mkdtemp()) / "mask.png"
        >>> write_mask(path, torch.tensor([[0, 1, 255]]), Classes.of("background", "fish"))
        >>> read_labels(path)
        array([[  0,   1, 255]], dtype=uint8)
    """
    check_mask(mask, len(classes))
    palette = np.zeros((VOID + 1, 3), np.uint8)
    palette[: len(classes)], palette[VOID] = classes.colors, classes.void_color
    image = Image.fromarray(mask.cpu().numpy().astype(np.uint8))
    image.putpalette(palette.ravel().tolist())  # now of mode P: the values stay
    write_whole(path, lambda file: image.save(file, "PNG"))
