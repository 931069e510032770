"""COCO JSON (Lin et al. 2014): one file for all images; a box is its corner, width and height.

Two fields are this course's own, and other readers pass over them: "seconds", of an annotation and of
an image.
"""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

from seglib.data import coco as coco_file
from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet, Point
from seglib.data.formats.files import left_out, naming, numbers, seconds, timed
from seglib.files import write_text


def read(path: Path) -> AnnotationSet:
    """The objects of a COCO file; classes in the order of their ids.

    Regions that are stored as run lengths (crowds, brush strokes) have no outline: they are left out with a
    warning. `seglib.data.catalog.load` reads them, as masks.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not COCO JSON, or an entry is broken; the sentence names the entry and the field.
    """
    images, entries, categories = coco_file.read(path)
    names = {entry["id"]: entry["name"] for entry in sorted(categories, key=lambda entry: entry["id"])}
    objects: dict[Any, list[Annotation]] = {entry["id"]: [] for entry in images}
    drawn = [(place, entry) for place, entry in enumerate(entries) if not _is_runs(entry)]
    left_out(path, len(entries) - len(drawn), "run lengths without an outline; `load` reads them as masks")
    for place, entry in drawn:
        name = names[entry["category_id"]]
        objects[entry["image_id"]].append(naming(path, _annotation, entry, name, f"annotations[{place}]"))
    photos = [
        naming(path, _image, entry, objects[entry["id"]], f"images[{place}]")
        for place, entry in enumerate(images)
    ]
    return naming(path, AnnotationSet, tuple(names.values()), tuple(photos))


def write(path: Path, annotations: AnnotationSet) -> None:
    """Write a COCO file; ids count from 1, an object without an outline has an empty "segmentation".

    Raises:
        DiskError: the file cannot be written; one that was there is still whole.
    """
    category = {name: id_ for id_, name in enumerate(annotations.names, 1)}
    objects = [
        {"image_id": image, "category_id": category[one.name], **_fields(one)}
        for image, photo in enumerate(annotations, 1)
        for one in photo.annotations
    ]
    content = {
        "images": [{"id": id_, **_image_fields(photo)} for id_, photo in enumerate(annotations, 1)],
        "annotations": [{"id": id_, **fields} for id_, fields in enumerate(objects, 1)],
        "categories": [{"id": id_, "name": name} for name, id_ in category.items()],
    }
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False))


def _is_runs(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("segmentation"), dict)


def _annotation(entry: dict[str, Any], name: str, place: str) -> Annotation:
    parts = entry.get("segmentation") or []
    if not isinstance(parts, list):
        raise ValueError(f'{place} "segmentation" must be a list of polygons, it is {parts!r}')
    polygons = [_polygon(part, f'{place} "segmentation"') for part in parts]
    took = seconds(entry.get("seconds"), place)
    if polygons and entry.get("bbox") is None:
        return naming(place, Annotation.outline, name, *polygons, seconds=took)
    x, y, width, height = numbers(entry.get("bbox"), f'{place} "bbox"', (4,))
    return naming(place, Annotation, name, (x, y, x + width, y + height), tuple(polygons), took)


def _polygon(flat: Any, place: str) -> tuple[Point, ...]:
    """x1, y1, x2, y2, ... as corners."""
    values = numbers(flat, place, range(6, 10**6, 2))
    return tuple(zip(values[0::2], values[1::2]))


def _image(entry: dict[str, Any], objects: list[Annotation], place: str) -> AnnotatedImage:
    name = entry["file_name"]
    return AnnotatedImage(
        name, entry["width"], entry["height"], tuple(objects), seconds(entry.get("seconds"), place)
    )


def _image_fields(image: AnnotatedImage) -> dict[str, Any]:
    size = {"width": image.width, "height": image.height}
    return {"file_name": image.file_name, **size} | timed(image.seconds)


def _fields(one: Annotation) -> dict[str, Any]:
    x1, y1, x2, y2 = one.box
    area = sum(map(_area, one.polygons)) if one.polygons else (x2 - x1) * (y2 - y1)
    segmentation = [[*chain(*polygon)] for polygon in one.polygons]
    box = [x1, y1, x2 - x1, y2 - y1]
    return {"bbox": box, "segmentation": segmentation, "area": area, "iscrowd": 0} | timed(one.seconds)


def _area(polygon: tuple[Point, ...]) -> float:
    """The area of a polygon, by the shoelace formula."""
    after = (*polygon[1:], polygon[0])
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(polygon, after))) / 2
