"""The names, colours and values of a folder's classes, from its `classes.txt` or `classes.json`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from seglib.labels import VOID, Classes

FILES = ("classes.json", "classes.txt")
_LINE = re.compile(r"(?P<name>.*?)(?:[\s,]+(?P<color>\d+[\s,]+\d+[\s,]+\d+))?\s*")


class ClassList(NamedTuple):
    """What a class list says.

    Attributes:
        classes: the names, with the colours of the list or, where it has none, colours of our own.
        painted: the same classes where the list has colours, so that painted masks can be read; else None.
        values: the value in a mask file -> the class, or 255.
    """

    classes: Classes
    painted: Classes | None
    values: dict[int, int]


def read_class_list(folder: Path) -> ClassList | None:
    """The class list of a folder, or None where there is none.

    `classes.txt` has one name a line, in index order, and after it red green blue if masks are painted; a
    line `void 224 224 192` gives the colour of void and is no class. `classes.json` is a list of names, or
    `{"names": [...], "colors": [[r, g, b], ...], "void_color": [r, g, b], "values": [...]}` where `values`,
    one for each name, are the numbers in the mask files (by default 0, 1, 2, ...).

    Raises:
        ValueError: the list cannot be understood; the sentence names the file and what is wrong.
    """
    for path in (folder / name for name in FILES):
        if path.is_file():
            try:
                return _class_list(**_read(path))
            except json.JSONDecodeError as error:
                raise ValueError(f"{path}: not JSON ({error})") from None
            except (ValueError, TypeError) as error:
                raise ValueError(f"{path}: {error}") from None
    return None


def _read(path: Path) -> dict[str, Any]:
    """The fields of either file."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".json":
        fields = json.loads(text)
        if isinstance(fields, list):
            return {"names": fields}
        if not isinstance(fields, dict) or "names" not in fields:
            raise ValueError('expected a list of names, or an object with "names"')
        if unknown := set(fields) - {"names", "colors", "void_color", "values"}:
            raise ValueError(f"unknown fields {sorted(unknown)}; known: names, colors, void_color, values")
        return fields
    names, colors = [], []
    for line in filter(str.strip, text.splitlines()):
        found = _LINE.fullmatch(line)
        names.append(found["name"].strip() if found else line)
        colors.append(
            [int(part) for part in re.findall(r"\d+", found["color"])] if found and found["color"] else None
        )
    fields = {"names": names}
    if "void" in names:
        fields["void_color"] = colors.pop(names.index("void"))
        names.remove("void")
    if any(colors):
        fields["colors"] = colors
    return fields


def _class_list(
    names: list[str],
    colors: list[list[int] | None] | None = None,
    void_color: list[int] | None = None,
    values: list[int] | None = None,
) -> ClassList:
    """The fields, checked."""
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("every class needs a name")
    classes = Classes.of(*names)
    if colors is not None:
        if without := [name for name, color in zip(names, colors) if color is None]:
            raise ValueError(f"these classes have no colour, but others have: {', '.join(without)}")
        void = tuple(void_color) if void_color else classes.void_color
        classes = Classes(tuple(names), tuple(map(tuple, colors)), void)  # type: ignore[arg-type]
    values = list(range(len(names))) if values is None else values
    if (
        len(values) != len(names)
        or len(set(values)) != len(values)
        or not all(0 <= v <= VOID for v in values)
    ):
        raise ValueError(
            f"values must be {len(names)} different numbers from 0 to 255, one a class, got {values}"
        )
    return ClassList(classes, classes if colors is not None else None, {v: k for k, v in enumerate(values)})
