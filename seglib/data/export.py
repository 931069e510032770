"""Writing what was drawn or predicted: annotations as COCO JSON, masks as PNG files of class indices."""

from __future__ import annotations

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
        DiskError: the file cannot be written; an older file of that name is still whole.
    """
    category = {name: id_ for id_, name in enumerate(annotations.names, 1)}
    objects = [
        {"image_id": image, "category_id": category[one.name], **_object_fields(one)}
        for image, photo in enumerate(annotations, 1)
        for one in photo.annotations
    ]
    content = {
        "images": [{"id": id_, **_image_fields(photo)} for id_, photo in enumerate(annotations, 1)],
        "annotations": [{"id": id_, **fields} for id_, fields in enumerate(objects, 1)],
        "categories": [{"id": id_, "name": name} for name, id_ in category.items()],
    }
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False))


def _image_fields(image: AnnotatedImage) -> dict[str, Any]:
    size = {"width": image.width, "height": image.height}
    return {"file_name": image.file_name, **size} | _seconds(image.seconds)


def _object_fields(one: Annotation) -> dict[str, Any]:
    x1, y1, x2, y2 = one.box
    area = sum(map(_area, one.polygons)) if one.polygons else (x2 - x1) * (y2 - y1)
    segmentation = [[*chain(*polygon)] for polygon in one.polygons]
    box = [x1, y1, x2 - x1, y2 - y1]
    return {"bbox": box, "segmentation": segmentation, "area": area, "iscrowd": 0} | _seconds(one.seconds)


def _seconds(seconds: float | None) -> dict[str, float]:
    return {} if seconds is None else {"seconds": seconds}


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
        DiskError: the file cannot be written; an older file of that name is still whole.

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
