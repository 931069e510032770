"""A COCO file: where it lies, and whether what it says holds together."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from seglib.data.splits import FOLDERS
from seglib.labels import Classes

Entry = dict[str, Any]


class Found(NamedTuple):
    """A COCO file and the folders in which its pictures may lie."""

    annotations: Path
    images: tuple[Path, ...]


def find(path: Path) -> dict[str, Found]:
    """Split -> COCO file, in a folder or for a file itself; the split is "" where the file is not divided.

    Known are COCO's own `annotations/instances_train2017.json` with `train2017/`, the labelling services'
    `train/_annotations.coco.json`, and a single .json file with `images/` beside it.
    """
    if path.is_file():
        return (
            {"": Found(path, _folders(path.parent, "images", "../images", "."))}
            if path.suffix == ".json"
            else {}
        )
    found = {}
    for split, names in FOLDERS.items():
        for name in names:
            if (file := path / name / "_annotations.coco.json").is_file():
                found[split] = Found(file, (path / name,))
            for file in sorted((path / "annotations").glob(f"instances_{name}*.json")):
                year = file.stem.removeprefix("instances_")
                found[split] = Found(
                    file, _folders(path, year, f"images/{year}", name, f"images/{name}", "images")
                )
    files = [file for folder in (path, path / "annotations") for file in folder.glob("*.json")]
    if not found and len(files) == 1:
        found[""] = Found(files[0], _folders(path, "images", "."))
    return found


def read(path: Path) -> tuple[list[Entry], list[Entry], list[Entry]]:
    """The images, annotations and categories of a COCO file.

    Raises:
        ValueError: the file breaks off, is not COCO, or an entry lacks a field or names what does not exist.
    """
    try:
        content = json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON, or it breaks off ({error}); export or copy it again") from None
    images, annotations, categories = (_entries(path, content, key) for key in _FIELDS)
    _check_links(path, annotations, "image_id", {entry["id"] for entry in images})
    _check_links(path, annotations, "category_id", {entry["id"] for entry in categories})
    return images, annotations, categories


def classes_of(path: Path, categories: Iterable[Entry]) -> tuple[Classes, dict[int, int]]:
    """The classes, "background" first, and category id -> class."""
    categories = sorted(
        categories, key=lambda entry: (str(type(entry["id"])), entry["id"])
    )  # numbers before texts
    names = ["background", *(entry["name"] for entry in categories if entry["name"] != "background")]
    try:
        return Classes.of(*names), {entry["id"]: names.index(entry["name"]) for entry in categories}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def by_image(annotations: Iterable[Entry]) -> dict[Any, list[Entry]]:
    """Image id -> its annotations."""
    groups = defaultdict(list)
    for entry in annotations:
        groups[entry["image_id"]].append(entry)
    return dict(groups)


def image_folder(found: Found, names: list[str]) -> Path:
    """The folder in which the pictures `names` lie.

    Raises:
        ValueError: a name leads out of the folder, or a picture is missing; the sentence says which.
    """
    if outside := [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]:
        raise ValueError(f"{found.annotations}: the file name {outside[0]!r} leads out of the picture folder")
    folder = next((folder for folder in found.images if (folder / names[0]).is_file()), found.images[0])
    there: set[Path] = set()
    for parent in {Path(name).parent for name in names}:
        if (folder / parent).is_dir():
            there.update(parent / entry.name for entry in (folder / parent).iterdir())
    if absent := [name for name in names if Path(name) not in there]:
        shown = ", ".join(absent[:5]) + (" ..." if len(absent) > 5 else "")
        raise ValueError(f"{found.annotations}: {len(absent)} of its pictures are not in {folder} ({shown})")
    return folder


_FIELDS: dict[str, dict[str, str]] = {
    "images": {"id": "an id", "file_name": "a text", "height": "a size", "width": "a size"},
    "annotations": {"image_id": "an id", "category_id": "an id"},
    "categories": {"id": "an id", "name": "a text"},
}
_KINDS: dict[str, Callable[[Any], bool]] = {
    "an id": lambda value: isinstance(value, (int, str)),
    "a text": lambda value: isinstance(value, str) and value != "",
    "a size": lambda value: isinstance(value, int) and value > 0,
}


def _entries(path: Path, content: Any, key: str) -> list[Entry]:
    """One of the three lists; every entry has the fields that are needed, no id comes twice."""
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ValueError(f'{path}: not a COCO file: it has no list "{key}"')
    for number, entry in enumerate(entries):
        place = f"{path}: {key}[{number}]"
        if not isinstance(entry, dict):
            raise ValueError(f"{place} is not an object but {entry!r:.40}")
        for field, kind in _FIELDS[key].items():
            if not _KINDS[kind](entry.get(field)):
                raise ValueError(f'{place} needs "{field}", {kind}; it has {entry.get(field)!r:.40}')
    if key != "annotations":
        _check_ids(path, key, [entry["id"] for entry in entries])
    return entries


def _check_ids(path: Path, key: str, ids: list[Any]) -> None:
    if len(set(ids)) < len(ids):
        twice = next(one for index, one in enumerate(ids) if one in ids[:index])
        raise ValueError(f"{path}: two of the {key} have the id {twice!r}")


def _check_links(path: Path, annotations: Iterable[Entry], field: str, known: set[Any]) -> None:
    for entry in annotations:
        if entry[field] not in known:
            what = field.removesuffix("_id")
            raise ValueError(
                f"{path}: annotation {entry.get('id')} belongs to {what} {entry[field]!r}, but the file lists"
                f" no such {what}; export it again"
            )


def _folders(path: Path, *names: str) -> tuple[Path, ...]:
    """Those of the folders that exist; the first, for a message, where none does."""
    folders = [path / name for name in names]
    return tuple(folder for folder in folders if folder.is_dir()) or (folders[0],)
