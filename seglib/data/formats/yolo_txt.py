"""YOLO text files: one an image, one line an object, everything as a share of the image's sides.

A box is `class x y width height` with its centre, an outline `class x1 y1 x2 y2 ...`; classes count from 0.
"""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from PIL import ExifTags
from PIL import Image as Pillow

from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet
from seglib.data.files import images_in
from seglib.data.formats.files import naming, targets
from seglib.files import number, write_text


def read(path: Path) -> AnnotationSet:
    """The objects in a YOLO folder.

    Class names come from the .yaml file in it (its "names"), or from `classes.txt`. Images lie in folders
    `images` and their .txt files in folders `labels` beside them, or all of them together in `path`.
    An image without a .txt file has no objects. Of an image only its size is read.

    Raises:
        FileNotFoundError: there is no such folder, or none with the images.
        ValueError: class names or images are missing, or a line is broken; the sentence says where.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such folder")
    names = _names(path)
    places = [
        (folder.with_name("images"), folder) for folder in sorted(path.rglob("labels")) if folder.is_dir()
    ]
    photos = [
        _image(path, image, labels / image.relative_to(images).with_suffix(".txt"), names)
        for images, labels in places or [(path, path)]
        for image in _images_of(images, labels)
    ]
    return naming(path, AnnotationSet, names, tuple(photos))


def write(path: Path, annotations: AnnotationSet) -> None:
    """Write `labels/` and `data.yaml` into the folder `path`; put the images into `images/` beside them.

    Raises:
        ValueError: an object has several parts, which a line cannot hold; or two images would share a file.
        DiskError: a file cannot be written.
    """
    for target, image in targets(path / "labels", annotations, ".txt"):
        lines = [naming(image.file_name, _line, one, image, annotations) for one in image.annotations]
        write_text(target, "".join(f"{line}\n" for line in lines))
    names = "".join(f"  {k}: {json.dumps(name)}\n" for k, name in enumerate(annotations.names))
    write_text(path / "data.yaml", f"path: .\ntrain: images\nval: images\nnames:\n{names}")


def _names(path: Path) -> tuple[str, ...]:
    """The classes in order."""
    for file in sorted([*path.glob("*.yaml"), *path.glob("*.yml")]):
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ValueError(f"{file}: not YAML ({str(error).splitlines()[0]})") from None
        names: Any = content.get("names") if isinstance(content, dict) else None
        if isinstance(names, dict) and sorted(names) == list(range(len(names))):
            names = [names[k] for k in range(len(names))]
        if not isinstance(names, list):
            raise ValueError(f'{file}: "names" must be a list, or numbered from 0, it is {names!r:.60}')
        return tuple(map(str, names))
    if not (file := path / "classes.txt").is_file():
        raise ValueError(f"{path}: no class names; there must be a .yaml file with names, or a classes.txt")
    return tuple(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())


def _images_of(images: Path, labels: Path) -> list[Path]:
    """The images of one folder; ValueError where one is missing."""
    folders = [images, *(inside for inside in sorted(images.rglob("*")) if inside.is_dir())]
    found = [Path(image) for folder in folders for image in images_in(folder).values()]
    stems = {image.relative_to(images).with_suffix("") for image in found}
    for file in sorted(labels.rglob("*.txt")):
        if file.relative_to(labels).with_suffix("") not in stems and file.name != "classes.txt":
            raise ValueError(f"{file}: there is no image of this name in {images}, whose size is needed")
    return found


def _image(path: Path, image: Path, file: Path, names: tuple[str, ...]) -> AnnotatedImage:
    with Pillow.open(image) as opened:
        on_its_side = opened.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        width, height = opened.size[::-1] if on_its_side else opened.size
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    objects = [
        naming(f"{file}, line {place}", _annotation, line.split(), names, width, height)
        for place, line in enumerate(lines, 1)
        if line.strip()
    ]
    name = image.relative_to(path / "images" if image.is_relative_to(path / "images") else path)
    return naming(file, AnnotatedImage, name.as_posix(), width, height, tuple(objects))


def _annotation(words: list[str], names: tuple[str, ...], width: int, height: int) -> Annotation:
    if not words[0].isdecimal() or int(words[0]) >= len(names):
        raise ValueError(f"the class {words[0]} is not one of 0..{len(names) - 1} ({', '.join(names)})")
    shares = [number(word, "a coordinate") for word in words[1:]]
    if len(shares) != 4 and (len(shares) < 6 or len(shares) % 2):
        raise ValueError(f"{len(shares)} numbers after the class; a box has 4, an outline 6, 8, 10, ...")
    if not all(-0.01 <= share <= 1.01 for share in shares):
        raise ValueError("coordinates must be shares of the image, 0..1; these look like pixels")
    name = names[int(words[0])]
    if len(shares) > 4:
        return Annotation.outline(name, [(x * width, y * height) for x, y in zip(shares[::2], shares[1::2])])
    x, y, across, down = shares[0] * width, shares[1] * height, shares[2] * width, shares[3] * height
    return Annotation(name, (x - across / 2, y - down / 2, x + across / 2, y + down / 2))


def _line(one: Annotation, image: AnnotatedImage, annotations: AnnotationSet) -> str:
    if len(one.polygons) > 1:
        raise ValueError(
            f"an object '{one.name}' has {len(one.polygons)} parts, a YOLO line holds one; write COCO instead"
        )
    x1, y1, x2, y2 = one.box
    points = one.polygons[0] if one.polygons else (((x1 + x2) / 2, (y1 + y2) / 2), (x2 - x1, y2 - y1))
    shares = chain(*((x / image.width, y / image.height) for x, y in points))
    return " ".join([str(annotations.names.index(one.name)), *(f"{share:.9g}" for share in shares)])
