"""The names, colours and values of a folder's classes, from its `classes.txt` or `classes.json`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from seglib.labels import VOID, Classes
from seglib.palettes import Color

FILES = ("classes.json", "classes.txt")
_LINE = re.compile(r"(?P<name>.*?)(?:[\s,]+(?P<color>\d+[\s,]+\d+[\s,]+\d+))?")


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
    if path.suffix == ".txt":
        return _read_lines(text)
    fields = json.loads(text)
    if isinstance(fields, list):
        return {"names": fields}
    if not isinstance(fields, dict) or "names" not in fields:
        raise ValueError('expected a list of names, or an object with "names"')
    if unknown := set(fields) - {"names", "colors", "void_color", "values"}:
        raise ValueError(f"unknown fields {sorted(unknown)}; known: names, colors, void_color, values")
    return fields


def _read_lines(text: str) -> dict[str, Any]:
    """The names and, where there are any, the colours of a text file."""
    colors = {}
    names = []
    for line in filter(str.strip, text.splitlines()):
        found = _LINE.fullmatch(line.strip())
        names.append(found["name"] if found else line)
        if found and found["color"]:
            colors[found["name"]] = [int(number) for number in re.findall(r"\d+", found["color"])]
    classes = [name for name in names if name != "void"]
    if colors and (without := [name for name in classes if name not in colors]):
        raise ValueError(f"these classes have no colour, but others have: {', '.join(without)}")
    painted = (
        {"colors": [colors[name] for name in classes], "void_color": colors.get("void")} if colors else {}
    )
    return {"names": classes, **painted}


def _class_list(
    names: list[str],
    colors: list[list[int]] | None = None,
    void_color: list[int] | None = None,
    values: list[int] | None = None,
) -> ClassList:
    """The fields, checked."""
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("every class needs a name")
    classes = Classes.of(*names)
    if colors is not None:
        void = _color(void_color) if void_color else classes.void_color
        classes = Classes(tuple(names), tuple(_color(color) for color in colors), void)
    known = {value: k for k, value in enumerate(values if values is not None else range(len(names)))}
    if len(known) != len(names) or not all(isinstance(value, int) and 0 <= value <= VOID for value in known):
        raise ValueError(
            f"values must be {len(names)} different numbers from 0 to 255, one a class, not {values}"
        )
    return ClassList(classes, classes if colors is not None else None, known)


def _color(color: Any) -> Color:
    if not isinstance(color, list) or len(color) != 3 or not all(isinstance(value, int) for value in color):
        raise ValueError(f"a colour is [red, green, blue], not {color!r}")
    return color[0], color[1], color[2]
