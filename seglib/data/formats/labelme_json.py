"""labelme JSON: one file an image, beside it; a rectangle is any two opposite corners."""

from __future__ import annotations

import json
import posixpath
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image as Pillow

from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet, Point
from seglib.data.formats.files import left_out, naming, numbers, seconds, targets, timed
from seglib.files import files_in, number, read_json, write_text

VERSION = "5.5.0"  # of labelme, whose files these look like


def read(path: Path) -> AnnotationSet:
    """The objects in a labelme file, or in all of a folder; classes in alphabetical order.

    Polygons of one `group_id` and label are the parts of one object. Shapes that are neither polygon nor
    rectangle (points, lines, circles) are left out with a warning.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: a file is not labelme's, or a shape is broken; the sentence names file, shape and field.
    """
    files = files_in(path, ".json")
    images = [naming(file, _image, file, folder) for file, folder in files.items()]
    names = {one.name for image in images for one in image.annotations}
    return naming(path, AnnotationSet, tuple(sorted(names)), tuple(images))


def write(path: Path, annotations: AnnotationSet) -> None:
    """Write one file an image into the folder `path`; put the images beside them.

    Raises:
        ValueError: two images would share a file, or a name leads out of the folder.
        DiskError: a file cannot be written.
    """
    for target, image in targets(path, annotations, ".json"):
        shapes = [shape for group, one in enumerate(image.annotations, 1) for shape in _shapes(one, group)]
        content: dict[str, Any] = {
            "version": VERSION,
            "flags": {},
            "shapes": shapes,
            "imagePath": PurePosixPath(image.file_name).name,
            "imageData": None,
            "imageHeight": image.height,
            "imageWidth": image.width,
            **timed(image.seconds),
        }
        write_text(target, json.dumps(content, indent=2, ensure_ascii=False))


def _image(path: Path, folder: PurePosixPath) -> AnnotatedImage:
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise ValueError('not a labelme file: it has no list "shapes"')
    if not isinstance(content.get("imagePath"), str):
        raise ValueError(f'"imagePath" must name the image, it is {content.get("imagePath")!r}')
    name = posixpath.normpath(folder / content["imagePath"].replace("\\", "/"))
    name = name.removeprefix(posixpath.commonprefix([name, "../" * len(name)]))  # photos beside the folder
    drawn: dict[Any, list[Annotation]] = {}
    for place, shape in enumerate(content["shapes"]):
        if (one := _annotation(shape, f"shapes[{place}]")) is not None:
            grouped = one.polygons and shape.get("group_id") is not None
            key = (one.name, shape["group_id"]) if grouped else place
            drawn.setdefault(key, []).append(one)
    left_out(path, len(content["shapes"]) - sum(map(len, drawn.values())), "neither polygon nor rectangle")
    size = _size(content, path.parent / content["imagePath"])
    objects = tuple(map(_joined, drawn.values()))
    return AnnotatedImage(name, *size, objects, seconds(content.get("seconds"), "the image's"))


def _annotation(shape: Any, place: str) -> Annotation | None:
    """One shape as an object; None for a shape that is no region."""
    if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
        raise ValueError(f'{place} has no "label"')
    points = shape.get("points")
    kind = shape.get("shape_type") or "polygon"  # files before version 3.3 have only polygons, and no type
    if kind not in ("polygon", "rectangle"):
        return None
    if not isinstance(points, list) or len(points) < (2 if kind == "rectangle" else 3):
        raise ValueError(f'{place} "points": a {kind} needs more corners than {points!r:.60}')
    corners = [_point(point, f'{place} "points"') for point in points]
    took = seconds(shape.get("seconds"), place)
    if kind == "polygon":
        return naming(place, Annotation.outline, shape["label"], corners, seconds=took)
    xs, ys = zip(*corners)  # two corners, or all four in files of labelme 6
    return naming(place, Annotation, shape["label"], (min(xs), min(ys), max(xs), max(ys)), (), took)


def _point(point: Any, place: str) -> Point:
    x, y = numbers(point, place, (2,))
    return x, y


def _joined(parts: list[Annotation]) -> Annotation:
    """The parts of one object."""
    if len(parts) == 1:
        return parts[0]
    polygons = [polygon for part in parts for polygon in part.polygons]
    return Annotation.outline(parts[0].name, *polygons, seconds=parts[0].seconds)


def _size(content: dict[str, Any], file: Path) -> tuple[int, int]:
    """Width and height, which old files leave to the image."""
    if content.get("imageWidth") is None or content.get("imageHeight") is None:
        if not file.is_file():
            raise ValueError(
                f'there is no "imageWidth" and "imageHeight", and no image {file} that could tell'
            )
        with Pillow.open(file) as image:
            return image.size
    width, height = (number(content[key], f'"{key}"') for key in ("imageWidth", "imageHeight"))
    return int(width), int(height)


def _shapes(one: Annotation, group: int) -> list[dict[str, Any]]:
    """An object as shapes: a rectangle, a polygon, or several polygons of one group."""
    x1, y1, x2, y2 = one.box
    kind = "polygon" if one.polygons else "rectangle"
    parts = one.polygons or (((x1, y1), (x2, y2)),)
    group_id = group if len(parts) > 1 else None
    fields: dict[str, Any] = {"group_id": group_id, "shape_type": kind, "flags": {}, **timed(one.seconds)}
    return [{"label": one.name, "points": [[*point] for point in part], **fields} for part in parts]
