"""Folders that labelling tools write, read as data sets: labelme (one JSON file per image) and YOLO-seg.

Both are translated into the content of a COCO file, and `Coco` checks and draws it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from warnings import warn

import yaml
from PIL import ExifTags
from PIL import Image as Pillow

from seglib.data.coco import Coco, Content, Entry
from seglib.data.dataset import FOLDERS
from seglib.data.files import images_in
from seglib.files import first_line, naming, read_json
from seglib.progress import tracked

# labelme


def find_labelme(path: Path) -> dict[str, list[Path]]:
    """Split -> labelme files under a folder; the split is "" unless they are in `train/`, `val/`, ...

    Hidden files and class lists are ignored; only the beginning of the first file is read.
    """
    split_of = {name: split for split, names in FOLDERS.items() for name in names}
    found = defaultdict(list)
    for file in sorted(path.rglob("*.json")):
        parts = file.relative_to(path).parts
        if file.name != "classes.json" and not any(part.startswith(".") for part in parts):
            found[split_of.get(parts[0], "")].append(file)
    if not found:
        return {}
    with next(iter(found.values()))[0].open("rb") as first:
        return dict(found) if b'"shapes"' in first.read(4096) else {}


def labelme(
    path: Path, split: str, found: Mapping[str, list[Path]], part: str, names: Sequence[str] = ()
) -> Coco:
    """A folder of labelme files: each shape is an object, shapes of one `group_id` and label are one object.

    Rectangles are filled. Shapes that are not regions (points, lines, circles) are left out with a warning.

    Args:
        path: the folder that holds the files and the images.
        split: "train", "val" or "test".
        found: what `find_labelme` found.
        part: the key of the files in `found` to read; "" for files that are to be divided.
        names: the classes in order; without them, the labels of all splits in alphabetical order.

    Raises:
        ValueError: a file or a shape is broken; the message names file, shape and field.
    """
    parsed = {file: _read_labelme(path, file) for files in found.values() for file in files}
    labels = sorted({label for _, shapes in parsed.values() for _, label, _, _ in shapes})
    ids = {name: number for number, name in enumerate(names or labels)}
    if unknown := [label for label in labels if label not in ids]:
        raise ValueError(f"{path}: the label '{unknown[0]}' is not in the class list ({', '.join(ids)})")
    objects: dict[Any, Entry] = {}
    for file in found[part]:
        for number, label, group, polygon in parsed[file][1]:
            place = f"{file.relative_to(path).as_posix()} shapes[{number}]"
            entry = {"id": place, "image_id": str(file), "category_id": ids[label], "segmentation": []}
            key = (file, label, number if group is None else f"group {group}")
            objects.setdefault(key, entry)["segmentation"].append(polygon)
    return _coco(path, split, [parsed[file][0] for file in found[part]], [*objects.values()], ids, not part)


def _read_labelme(path: Path, file: Path) -> tuple[Entry, list[tuple[int, str, object, list[float]]]]:
    """The image's entry, and of each region number, label, group and outline (x1, y1, x2, y2 and so on)."""
    content = read_json(file)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise ValueError(f'{file}: not a labelme file: it has no list "shapes"')
    regions = []
    for number, shape in enumerate(content["shapes"]):
        try:
            kind = shape.get("shape_type") or "polygon"  # files before version 3.3 have no type
            if kind in ("polygon", "rectangle"):
                polygon = [float(value) for x, y in shape["points"] for value in (x, y)]
                outline = polygon if kind == "polygon" else _rectangle(polygon)
                regions.append((number, str(shape["label"]), shape.get("group_id"), outline))
        except (AttributeError, KeyError, TypeError, ValueError):
            needs = 'must have a "label" and "points", pairs of numbers'
            raise ValueError(f"{file}: shapes[{number}] {needs}; it is {shape!r:.80}") from None
    if left_out := len(content["shapes"]) - len(regions):
        warn(f"{file}: left out {left_out} shapes, which are neither polygons nor rectangles", stacklevel=2)
    return _labelme_image(path, file, content), regions


def _rectangle(corners: list[float]) -> list[float]:
    """The outline of a rectangle, from two opposite corners, or from all four in files of labelme 6."""
    (left, right), (top, bottom) = ((min(values), max(values)) for values in (corners[0::2], corners[1::2]))
    return [left, top, right, top, right, bottom, left, bottom]


def _labelme_image(path: Path, file: Path, content: dict[str, Any]) -> Entry:
    """The image's entry; old files leave its size to the image."""
    if not isinstance(content.get("imagePath"), str):
        raise ValueError(f'{file}: "imagePath" must name the image, got {content.get("imagePath")!r}')
    photo = (file.parent / content["imagePath"].replace("\\", "/")).resolve()
    size = content.get("imageWidth"), content.get("imageHeight")
    width, height = _size(photo) if None in size else size
    if not all(isinstance(side, int) and side > 0 for side in (width, height)):
        found = f"{width!r}, {height!r}"
        raise ValueError(f'{file}: "imageWidth", "imageHeight" must be whole numbers, got {found}')
    if not photo.is_relative_to(path.resolve()):
        raise ValueError(f"{file}: its image {photo} is not in {path}; open the folder that holds both")
    name = photo.relative_to(path.resolve()).as_posix()
    return {"id": str(file), "file_name": name, "height": height, "width": width}


# YOLO-seg


def yolo_names(path: Path) -> list[str] | None:
    """The classes in a YOLO folder's .yaml file; None if it has none."""
    for file in sorted([*path.glob("*.yaml"), *path.glob("*.yml")]):
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ValueError(f"{file}: not YAML ({first_line(error)})") from None
        names = content.get("names") if isinstance(content, dict) else None
        if isinstance(names, dict) and sorted(names) == list(range(len(names))):
            names = [names[k] for k in range(len(names))]
        if not isinstance(names, list):
            raise ValueError(f'{file}: "names" must be a list, or numbered from 0; got {names!r:.60}')
        return [str(name) for name in names]
    return None


def yolo(path: Path, split: str, images: Path, labels: Path, names: Sequence[str], *, divide: bool) -> Coco:
    """A YOLO-seg folder: one text file per image, one line per object: `class x1 y1 x2 y2 ...`.

    Coordinates are shares of the image's sides, 0..1. An image without a text file has no objects. Of an
    image only its size is read.

    Args:
        path: the folder with the .yaml file.
        split: "train", "val" or "test".
        images: the folder of the images.
        labels: the folder of the text files.
        names: the classes in order.
        divide: take only the images whose name's hash falls into `split`.

    Raises:
        ValueError: an image is missing, or a line is broken; the message names file and line. A line with a
            box instead of an outline raises when the sample is read.
    """
    photos = images_in(images)
    files = {file.stem: file for file in sorted(labels.glob("*.txt")) if file.name != "classes.txt"}
    if absent := [stem for stem in files if stem not in photos]:
        raise ValueError(f"{files[absent[0]]}: there is no image of this name in {images}")
    entries, objects = [], []
    for stem, photo in tracked(photos.items(), len(photos), "Reading the sizes of images"):
        width, height = _size(Path(photo))
        name = Path(photo).relative_to(path).as_posix()
        entries.append({"id": stem, "file_name": name, "height": height, "width": width})
        lines = files[stem].read_text(encoding="utf-8").splitlines() if stem in files else []
        for number, line in enumerate(lines, 1):
            if words := line.split():
                place = f"{files[stem].relative_to(path).as_posix()}, line {number}"
                with naming(path / place):
                    label, shares = _yolo_line(words, names)
                polygon = [share * side for share, side in zip(shares, (width, height) * len(shares))]
                one = {"id": place, "image_id": stem, "category_id": label}
                objects.append(one | ({"segmentation": [polygon]} if len(shares) != 4 else {}))  # 4: a box
    return _coco(path, split, entries, objects, names, divide)


def _yolo_line(words: list[str], names: Sequence[str]) -> tuple[int, list[float]]:
    """The class and the coordinates in a line."""
    if not words[0].isdecimal() or int(words[0]) >= len(names):
        classes = f"0..{len(names) - 1} ({', '.join(names)})"
        raise ValueError(f"the class {words[0]} is not one of {classes}")
    shares = [float(word) for word in words[1:]]
    if not all(-0.01 <= share <= 1.01 for share in shares):
        raise ValueError("coordinates must be shares of the image, 0..1; these look like pixels")
    return int(words[0]), shares


def _coco(
    path: Path, split: str, images: list[Entry], objects: list[Entry], names: Iterable[str], divide: bool
) -> Coco:
    """The data set; a category's id is its place in `names`."""
    categories = [{"id": number, "name": name} for number, name in enumerate(names)]
    return Coco(path, split, Content(images, objects, categories), [path], divide=divide)


def _size(photo: Path) -> tuple[int, int]:
    """Width and height of an upright image, of which only the header is read."""
    try:
        with Pillow.open(photo) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            return image.size[::-1] if turned else image.size
    except OSError as error:
        raise ValueError(f"{photo}: its size cannot be read ({first_line(error)})") from None
