"""Shapes that labelling tools write, read as data sets: COCO's files, labelme and YOLO-seg.

All are translated into the content of a COCO file, and `Coco` checks and draws it. First COCO: which of a
folder's files is meant, and where its images are.
"""

import base64
import io
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import ExifTags
from PIL import Image as Pillow

from seglib.data.class_lists import LISTS, is_void, read_class_list
from seglib.data.coco import Coco, Content, Entry, is_line, is_side, read
from seglib.data.dataset import Reading
from seglib.data.folders import Request, understood
from seglib.data.pairing import Tree, counted, images_in, is_clutter, role
from seglib.files import first_line, listed, naming, read_json, read_text
from seglib.progress import tracked


def _coco_files(tree: Tree) -> dict[str, tuple[Path, list[Path]]]:
    """Split -> COCO file and folders that may hold its images; the split is "" if the file is not divided.

    Known are COCO's own `annotations/instances_train2017.json` with `train2017/`, the labelling services'
    `train/_annotations.coco.json`, and .json files with the images in any folder.

    Raises:
        ValueError: there are several files for one split.
    """
    if tree.path.is_file():
        if tree.path.suffix.lower() != ".json" or _is_other(tree.path):
            return {}
        near = [tree.path.parent, tree.path.parent.parent]
        inside = [folder for place in near for folder in sorted(place.iterdir()) if folder.is_dir()]
        deeper = [place / "images" / name for place in near for name in _stems(tree.path)]
        split = role((tree.path.stem, tree.path.parent.name))[0]  # the file's own name goes first
        return {"": (tree.path, _best_first(tree.path, split, [*near, *inside, *deeper]))}
    files: dict[str, list[Path]] = {}
    for file in tree.files(".json"):
        parts = file.relative_to(tree.path).parts
        if file.name.lower() not in LISTS and len(parts) < 4 and looks_like_coco(file):
            files.setdefault(role((*parts[:-1], file.stem))[0], []).append(file)
    if len(files) > 1:
        files.pop("", None)
    folders = [tree.path.joinpath(*parts) for parts in tree.folders]
    return {split: (file := _one(some), _best_first(file, split, folders)) for split, some in files.items()}


def _stems(file: Path) -> list[str]:
    """What the folder of a file's images may be called."""
    year = file.stem.removeprefix("instances_")
    return [year, role((year,))[0] or year]


def _best_first(file: Path, split: str, folders: Sequence[Path]) -> list[Path]:
    """Folders of the same name and split as the file first, then its own and those that are called images."""
    stems = _stems(file)

    def order(folder: Path) -> tuple[bool, ...]:
        itself, (its_split, kind, _) = folder == file.parent, role((folder.name,))
        return folder.name not in stems, its_split != split, not itself, kind != "image"

    return sorted(dict.fromkeys(folders), key=order)


def _one(files: Sequence[Path]) -> Path:
    """The one file of a split with instances."""
    kinds = ("instances", "_annotations.coco"), ("",)
    for some in ([f for f in files if any(kind in f.name for kind in wanted)] for wanted in kinds):
        some = [f for f in some if not any(word in f.name for word in ("captions", "keypoints", "panoptic"))]
        if len(some) == 1:
            return some[0]
    names = listed([file.name for file in files])
    raise ValueError(
        f"{files[0].parent}: several COCO files ({names}); name the one to open: load({str(files[0])!r})"
    )


def ends_of(file: Path) -> bytes:
    """The beginning and the end of a file, where tools leave their marks; files may be large."""
    with file.open("rb") as opened:
        beginning = opened.read(65536)
        opened.seek(max(0, file.stat().st_size - 65536))
        return beginning + opened.read()


def looks_like_coco(file: Path) -> bool:
    """Whether a file has COCO's name or fields and is not of another kind; only its ends are read."""
    ends = ends_of(file)
    fields = sum(field in ends for field in (b'"images"', b'"annotations"', b'"categories"'))
    return (fields >= 2 or file.name.startswith(("instances_", "_annotations.coco"))) and not _is_other(file)


def _is_other(file: Path) -> bool:
    """Whether a file is of another tool, or COCO's of another kind."""
    ends = ends_of(file)
    others = (b'"segments_info"', b'"shapes"', b'"regions"', b'"result"')
    return "panoptic" in file.name or any(word in ends for word in others)


def cleaned(path: Path, content: Content) -> tuple[Content, tuple[str, ...]]:
    """The content with each image once and without unused root categories, and what was changed.

    A file that lists an image under two ids has half of its objects under each.
    """
    said = []
    first: dict[str, Any] = {}
    same = {
        entry["id"]: first.setdefault(entry["file_name"].replace("\\", "/"), entry["id"])
        for entry in content.images
    }
    if merged := len(same) - len(first):
        said.append(f"images that are listed under two ids, merged: {merged}")
    used = {entry["category_id"] for entry in content.annotations}
    names = Counter(entry["name"] for entry in content.categories)
    parents = [
        one.get("supercategory") for one in content.categories if one.get("supercategory") != one["name"]
    ]  # of any type: it is not a field that COCO needs
    roots = [
        one for one in content.categories
        if one["id"] not in used and (names[one["name"]] > 1 or one["name"] in parents)
    ]  # fmt: skip
    if roots:
        said.append(f"the category '{roots[0]['name']}' (id {roots[0]['id']}), a heading without objects")
    images = [entry for entry in content.images if same[entry["id"]] == entry["id"]]
    annotations = [entry | {"image_id": same[entry["image_id"]]} for entry in content.annotations]
    return Content(images, annotations, [one for one in content.categories if one not in roots]), tuple(said)


def coco(request: Request) -> Coco | None:
    """The images of a COCO file, whole or of one split."""
    if not (found := _coco_files(request.tree)):
        return None
    file, folders = found[part := request.part(found)]
    content, left_out = cleaned(file, read(file))
    data = Coco(
        file, request.split, content, folders, divide=not part, crowds=request.crowds, page=request.page
    )
    void = [one["name"] for one in content.categories if is_void(one["name"])]
    void += ["crowds (iscrowd: 1)"] * (request.crowds != "objects")
    rule = f"{len(content.images)} images of {file.name}, {len(content.annotations)} objects"
    source = f"the categories of {file.name}"
    return understood(data, Reading("COCO", source, listed(void) or "none", rule, left_out))


# labelme


def labelme(request: Request) -> Coco | None:
    """A folder of labelme files: each shape is an object, shapes of one `group_id` and label are one object.

    Rectangles and circles are filled, and what is called `__ignore__` is void; a shape of the type mask is an
    object of its own. Shapes that are not regions (points, lines) and JSON files of something else are left
    out. Without a class list, the classes are the labels of all splits in alphabetical order.

    Raises:
        ValueError: a file or a shape is broken; the message names file, shape and field.
    """
    if not (found := _labelme_files(request.tree)):
        return None
    path, part = request.tree.path, request.part(found)
    images, objects, others, lines = {}, {}, [], 0
    for file in chain(*found.values()):
        content = read_json(file)
        if isinstance(content, dict) and not {"shapes", "imagePath"} & set(content):
            others.append(file.name)
            continue
        images[file] = _labelme_image(path, file, content)
        objects[file], left = _labelme_objects(path, file, content["shapes"], images[file])
        lines += left
    labels = sorted({one["category_id"] for some in objects.values() for one in some})
    names = request.classes.classes or [label for label in labels if not is_void(label)]
    if unknown := [label for label in labels if label not in (*names, "background") and not is_void(label)]:
        raise ValueError(f"{path}: the label '{unknown[0]}' is not in the class list ({', '.join(names)})")
    left_out = [*counted((".json files without shapes", others))]
    if lines:
        left_out.append(f"shapes that are no regions, such as lines: {lines}")
    source = request.classes.source or "the labels of all files, in alphabetical order"
    files = [file for file in found[part] if file in images]
    rule = f"{len(files)} .json files with images"
    reading = Reading("labelme", source, "shapes called __ignore__", rule, tuple(left_out))
    samples, drawn = [images[file] for file in files], [one for file in files for one in objects[file]]
    labelled = {name: name for name in (*names, *labels)}
    return _of_shapes(request, samples, drawn, labelled, reading, divide=not part)


def _labelme_files(tree: Tree) -> dict[str, list[Path]]:
    """Split -> JSON files, without class lists; none where the first ones are not labelme's."""
    found = defaultdict(list)
    for file in tree.files(".json"):
        if file.name.lower() not in LISTS:
            found[role(file.relative_to(tree.path).parts[:-1])[0]].append(file)
    some = [file for files in found.values() for file in files[:3]]
    return found if any(b'"shapes"' in ends_of(file) for file in some) else {}


def _labelme_objects(path: Path, file: Path, shapes: list[Any], image: Entry) -> tuple[list[Entry], int]:
    """The objects in a file, with their labels as categories, and how many of its shapes are no regions."""
    objects: dict[Any, Entry] = {}
    lines = 0
    for number, shape in enumerate(shapes):
        try:
            kind = shape.get("shape_type") or "polygon"  # files before version 3.3 have no type
            if kind not in OUTLINES and kind != "mask":
                lines += 1
                continue
            points = [float(value) for x, y in shape["points"] for value in (x, y)]
            label, group = str(shape["label"]), shape.get("group_id")
            outline = _painted(shape["mask"], points, image) if kind == "mask" else [OUTLINES[kind](points)]
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError, MemoryError):
            needs = 'must have a "label", "points", pairs of numbers, and as a mask a PNG at them'
            raise ValueError(f"{file}: shapes[{number}] {needs}; it is {shape!r:.80}") from None
        place = f"{file.relative_to(path).as_posix()} shapes[{number}]"
        one = {"id": place, "image_id": str(file), "category_id": label, "segmentation": outline}
        key = number if group is None or kind == "mask" else (label, f"group {group}")
        if objects.setdefault(key, one) is not one:
            objects[key]["segmentation"] += outline
    return [*objects.values()], lines


def _rectangle(corners: list[float]) -> list[float]:
    """The outline of a rectangle, from two opposite corners, or from all four in files of labelme 6."""
    (left, right), (top, bottom) = ((min(values), max(values)) for values in (corners[0::2], corners[1::2]))
    return [left, top, right, top, right, bottom, left, bottom]


def _circle(points: list[float]) -> list[float]:
    """The outline of a circle, from its centre and a point on it."""
    x, y, at, down = points
    radius, turns = math.hypot(at - x, down - y), [2 * math.pi * k / 64 for k in range(64)]
    return [c for turn in turns for c in (x + radius * math.cos(turn), y + radius * math.sin(turn))]


OUTLINES: dict[str, Callable[[list[float]], list[float]]] = {
    "polygon": list, "rectangle": _rectangle, "circle": _circle,
}  # fmt: skip


def _painted(png: str, points: list[float], image: Entry) -> Entry:
    """The run lengths of a mask in base64, whose first pixel is at the first point."""
    with Pillow.open(io.BytesIO(base64.b64decode(png, validate=True)), formats=["PNG"]) as opened:
        part = np.asarray(opened) > 0
    left, top = (round(place) for place in points[:2])
    height, width = image["height"], image["width"]
    whole = np.pad(part, ((top, height - top - len(part)), (left, width - left - part.shape[1]))).T.ravel()
    changes = np.flatnonzero(whole[1:] != whole[:-1]) + 1
    counts = np.diff([0, *changes, whole.size]).tolist()
    return {"size": [height, width], "counts": [0, *counts] if whole[0] else counts}


def _labelme_image(path: Path, file: Path, content: Any) -> Entry:
    """The image's entry; old files leave its size to the image."""
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise ValueError(f'{file}: not a labelme file: it has no list "shapes"')
    if not is_line(content.get("imagePath")):
        raise ValueError(f'{file}: "imagePath" must name the image, got {content.get("imagePath")!r}')
    photo = (file.parent / content["imagePath"].replace("\\", "/")).resolve()
    size = content.get("imageWidth"), content.get("imageHeight")
    width, height = _size(photo) if None in size else size
    if not (is_side(width) and is_side(height)):
        found = f"{width!r}, {height!r}"
        raise ValueError(f'{file}: "imageWidth", "imageHeight" must be whole numbers, got {found}')
    if not photo.is_relative_to(path.resolve()):
        raise ValueError(f"{file}: its image {photo} is not in {path}; open the folder that holds both")
    name = photo.relative_to(path.resolve()).as_posix()
    return {"id": str(file), "file_name": name, "height": height, "width": width}


# YOLO-seg


def yolo(request: Request) -> Coco | None:
    """A YOLO-seg folder: one text file per image, one line per object: `class x1 y1 x2 y2 ...`.

    Coordinates are shares of the image's sides, 0..1. An image without a text file has no objects. Of an
    image only its size is read.

    Raises:
        ValueError: an image is missing, or a line is broken; the message names file and line. A line with a
            box instead of an outline raises when the sample is read.
    """
    found = _yolo_folders(request.tree)
    if not found or not (named := _yolo_names(request.tree, found)):
        return None
    path, part = request.tree.path, request.part(found)
    names, source = named
    images, labels = found[part]
    photos = images_in(images)
    texts = [file for file in sorted(labels.glob("*.txt")) if not is_clutter(file.name)]
    files = {file.stem: file for file in texts if file.name.lower() not in LISTS}
    if absent := [stem for stem in files if stem not in photos]:
        raise ValueError(f"{files[absent[0]]}: there is no image of this name in {images}")
    entries, objects = [], []
    for stem, photo in tracked(photos.items(), len(photos), "Reading the sizes of images"):
        width, height = _size(Path(photo))
        name = Path(photo).relative_to(path).as_posix()
        entries.append({"id": stem, "file_name": name, "height": height, "width": width})
        lines = read_text(files[stem]).splitlines() if stem in files else []
        for number, line in enumerate(lines, 1):
            if words := line.split():
                place = f"{files[stem].relative_to(path).as_posix()}, line {number}"
                with naming(path / place):
                    label, shares = _yolo_line(words, names)
                polygon = [share * side for share, side in zip(shares, (width, height) * len(shares))]
                one = {"id": place, "image_id": stem, "category_id": label}
                objects.append(one | ({"segmentation": [polygon]} if len(shares) != 4 else {}))  # 4: a box
    rule = f"{len(files)} text files, {len(photos)} images, of the same name"
    reading = Reading("YOLO-seg", source, "none", rule)
    return _of_shapes(request, entries, objects, dict(enumerate(names)), reading, divide=not part)


def _yolo_folders(tree: Tree) -> dict[str, tuple[Path, Path]]:
    """Split -> folders of the images and of the text files."""
    found = {}
    for parts, names in tree.folders.items():
        split, kind, _ = role(parts)
        texts = [name for name in names if name.lower().endswith(".txt") and name.lower() not in LISTS]
        if kind == "mask" and texts:
            swapped = ["images" if part.lower() == "labels" else part for part in parts]
            images = tree.folder(*swapped) or tree.folder("images")
            if images and images != tree.path.joinpath(*parts):
                found[split] = images, tree.path.joinpath(*parts)
    if len(found) > 1:
        found.pop("", None)
    return found


def _yolo_names(tree: Tree, found: Mapping[str, tuple[Path, Path]]) -> tuple[list[str], str] | None:
    """The classes' names, and the file that they are in; None if there is none."""
    for file in (files := sorted([*tree.path.glob("*.yaml"), *tree.path.glob("*.yml")])):
        try:
            content = yaml.safe_load(read_text(file))
        except yaml.YAMLError as error:
            raise ValueError(f"{file}: not YAML ({first_line(error)})") from None
        content = content if isinstance(content, dict) else {}
        if "kpt_shape" in content:
            raise ValueError(f"{file}: these are key points (kpt_shape), not outlines; export outlines")
        if (names := content.get("names")) is None and file != files[-1]:
            continue  # settings of something else
        if isinstance(names, dict) and sorted(names) == list(range(len(names))):
            names = [names[k] for k in range(len(names))]
        if not isinstance(names, list):
            raise ValueError(f'{file}: "names" must be a list, or numbered from 0; got {names!r:.60}')
        return [str(name) for name in names], file.name
    for folder in (tree.path, *(labels for _, labels in found.values())):
        if (listed := read_class_list(folder)).classes is not None:
            return [*listed.classes], listed.source
    return None


def _yolo_line(words: list[str], names: Sequence[str]) -> tuple[int, list[float]]:
    """The class and the coordinates in a line."""
    if not words[0].isdecimal() or int(words[0]) >= len(names):
        classes = f"0..{len(names) - 1} ({', '.join(names)})"
        raise ValueError(f"the class {words[0]} is not one of {classes}")
    shares = [float(word) for word in words[1:]]
    if not all(-0.01 <= share <= 1.01 for share in shares):
        raise ValueError("coordinates must be shares of the image, 0..1; these look like pixels")
    return int(words[0]), shares


def _of_shapes(
    request: Request, images: list[Entry], objects: list[Entry], names: Mapping[Any, str],
    reading: Reading, *, divide: bool,
) -> Coco:  # fmt: skip
    """The data set; `names` are those of the categories, by their ids."""
    categories = [{"id": key, "name": name} for key, name in names.items()]
    path, content = request.tree.path, Content(images, objects, categories)
    data = Coco(path, request.split, content, [path], divide=divide, upright=True, page=request.page)
    return understood(data, reading)


def _size(photo: Path) -> tuple[int, int]:
    """Width and height of an upright image, of which only the header is read."""
    try:
        with Pillow.open(photo) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            return image.size[::-1] if turned else image.size
    except OSError as error:
        raise ValueError(f"{photo}: its size cannot be read ({first_line(error)})") from None
