"""The names, colours and values of classes: from the lists that people and tools write, or from the masks."""

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seglib.data.dataset import Reading
from seglib.data.files import PAINTED, LabelError, read_labels
from seglib.files import listed, naming, read_json, read_text
from seglib.labels import VOID, VOID_COLOR, Classes, Color
from seglib.progress import tracked

HIGHEST = 65535  # of the values in a mask of 16 bits


def is_void(name: str) -> bool:
    """Whether a name says of itself that it is no class."""
    return name.lower() in ("void", "ignore", "__ignore__", "unlabeled", "unlabelled")


class ClassList(NamedTuple):
    """A list of classes.

    Attributes:
        classes: the names, with the colours of the list or, if it has none, our own; None without names.
        painted: the same classes if the list has colours, so that painted masks can be read; else None.
        values: the value in a mask file -> the class, or 255; without names only the values that are void.
        source: the file that the list is in; "" without a list.
        objects: the values are numbers of objects: 0 is the first class, all others are the second.
    """

    classes: Classes | None = None
    painted: Classes | None = None
    values: Mapping[int, int] = {}
    source: str = ""
    objects: bool = False

    def reading(self, layout: str, pairs: str, left_out: Iterable[str]) -> Reading:
        """How a folder with these classes was understood."""
        void = sorted(value for value, label in ({VOID: VOID} | dict(self.values)).items() if label == VOID)
        source = self.source or UNNAMED
        return Reading(layout, source, ", ".join(map(str, void)), pairs, tuple(left_out))


def read_class_list(folder: Path) -> ClassList:
    """The class list of a folder, or in a file; an empty one where the folder has none.

    `classes.txt` has one name per line, in index order, followed by red green blue if masks are painted; or
    number and name. A line that is called void keeps its index and is no class. Lines with # are comments.
    `classes.json` is a list of names, an object number -> name (numbers may be left out, and a name that
    occurs twice is one class), or an object with the fields of `FIELDS`; `values` are the numbers in the mask
    files, one or a list for each name (by default 0, 1, 2, ...), `void` the numbers that are no class.
    The lists of other tools are read if there is neither: those of `LISTS`.

    Raises:
        ValueError: the list cannot be understood; the message names the file and what is wrong.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "classes.json").write_text('{"names": ["road", "car"], "values": [1, [2, 3]]}')
        >>> read_class_list(folder).values
        {1: 0, 2: 1, 3: 1}
    """
    path: Path | None = folder
    if not folder.is_file():
        names = {path.name.lower(): path for path in sorted(folder.iterdir())} if folder.is_dir() else {}
        path = next((names[name] for name in LISTS if name in names and names[name].is_file()), None)
    if path is None:
        return ClassList()
    read = LISTS.get(path.name.lower(), {".json": read_json, ".csv": _table}.get(path.suffix, _text))
    with naming(path):
        return class_list(read(path), path.name)


# From the fields of a list to classes.

FIELDS = ("names", "colors", "void_color", "values", "void", "objects")


class _Line(NamedTuple):
    """One class, or one kind of void, of a list."""

    name: str | None
    values: list[int]
    color: Color | None


def class_list(fields: Any, source: str) -> ClassList:
    """A class list from its fields, which are checked.

    Args:
        fields: a list of names, or of objects with "name" and "id"; a dictionary value -> name (None or
            "void" for void), `Classes`, or a dictionary of `FIELDS`.
        source: where it comes from.

    Raises:
        ValueError: it contradicts itself; the message says how.

    Example:
        >>> found = class_list({0: None, 1: "road", 250: "water", 251: "water"}, "a script")
        >>> found.classes.names, found.values
        (('road', 'water'), {0: 255, 1: 0, 250: 1, 251: 1})
    """
    if isinstance(fields, Classes):
        return ClassList(fields, fields, {k: k for k in range(len(fields))}, source)
    if isinstance(fields, list) and fields and all(isinstance(one, dict) for one in fields):
        fields = {one.get("id", place): str(one.get("name", "")) for place, one in enumerate(fields)}
    if isinstance(fields, (list, tuple)) or (isinstance(fields, dict) and not set(fields) & set(FIELDS)):
        fields = {"names": fields}
    given = fields if isinstance(fields, dict) else {}
    void = given.get("void", [])
    void_alone = "names" not in given and void != []
    if not void_alone and not isinstance(given.get("names"), (list, tuple, dict)):
        raise ValueError('expected a list of names, numbers with names, or an object with "names"')
    if unknown := set(fields) - set(FIELDS):
        raise ValueError(f"unknown fields {sorted(unknown)}; known: {', '.join(FIELDS)}")
    void = [void] if isinstance(void, int) else void
    if not isinstance(void, list) or not all(map(_is_value, void)):
        raise ValueError(f'"void" must be a list of numbers from 0 to {HIGHEST}, got {void!r:.60}')
    if void_alone:
        return ClassList(values=dict.fromkeys(void, VOID), source=source)
    return _checked(_lines(fields), void, fields, source)


def _lines(fields: Mapping[str, Any]) -> list[_Line]:
    """Each name with its values and its colour."""
    names, colors, values = fields.get("names", []), fields.get("colors"), fields.get("values")
    if isinstance(names, dict):
        if values is not None:
            raise ValueError('"values" need "names" that are a list; numbers with names say their values')
        values, names = _by_number(names)
    if not all(name is None or (isinstance(name, str) and name.strip()) for name in names):
        raise ValueError("every class needs a name")
    if colors is None:
        colors = [None] * len(names)
    if not isinstance(colors, list) or len(colors) != len(names):
        found = len(colors) if isinstance(colors, list) else repr(colors)[:40]
        raise ValueError(f"{len(names)} names and {found} colours; each class needs one of both")
    if values is None:
        ignored = names[:1] == ["__ignore__"]  # labelme counts it as -1
        values = [[]] * ignored + [*range(len(names) - ignored)]
    values = values if isinstance(values, list) else []  # which cannot be all
    together = [each if isinstance(each, list) else [each] for each in values]
    if len(together) != len(names) or not all(map(_is_value, chain(*together))):
        raise ValueError(f"values must be {len(names)} different numbers (or lists) from 0 to {HIGHEST}")
    names = ["background" if name == "_background_" else name and name.strip() for name in names]
    paint = [_color(color) if color else None for color in colors]
    return [_Line(*line) for line in zip(names, together, paint)]


def _checked(
    lines: Sequence[_Line], void: Sequence[int], fields: Mapping[str, Any], source: str
) -> ClassList:
    """The classes of the lines, without those that are void."""
    no_class = [line for line in lines if line.name is None or is_void(line.name)]
    names = [str(line.name) for line in lines if line not in no_class]
    if isinstance(fields["names"], dict):  # two numbers of one name are one class
        names = [*dict.fromkeys(names)]
    classes = Classes.of(*names)
    values: dict[int, int] = dict.fromkeys(void, VOID)
    for line in lines:
        meaning = VOID if line in no_class else names.index(str(line.name))
        for value in line.values:
            if values.setdefault(value, meaning) != meaning:
                wanted = f'"values" must be {len(lines)} different numbers, and none that "void" lists'
                raise ValueError(f"the value {value} has two meanings; {wanted}")
    color_of = {line.name: line.color for line in reversed(lines)}
    painted = [color for name in names if (color := color_of[name])]
    if painted:
        if without := [name for name in names if color_of[name] is None]:
            raise ValueError(f"these classes have no colour, but others have: {', '.join(without)}")
        classes = Classes(tuple(names), tuple(painted), _void_color(fields, no_class, painted))
    objects = fields.get("objects", False)
    if not isinstance(objects, bool):
        raise ValueError(f'"objects" must be true or false, got {objects!r:.60}')
    classes = of_objects(classes) if objects else classes
    return ClassList(classes, classes if painted else None, values, source, objects)


def _by_number(names: Mapping[Any, Any]) -> tuple[list[int], list[str | None]]:
    """Numbers and names in the order of the numbers; {"0": "sky"} as well as {"sky": 0}."""
    if names and all(_is_value(value) for value in names.values()):
        names = {value: name for name, value in names.items()}
    try:
        numbers = {int(number): name for number, name in names.items()}
    except ValueError:
        raise ValueError(f"expected a list of names, or numbers with names, got {names!r:.60}") from None
    if len(numbers) < len(names) or not all(map(_is_value, numbers)):
        raise ValueError(f"the numbers of classes must be different ones from 0 to {HIGHEST}")
    return sorted(numbers), [numbers[number] for number in sorted(numbers)]


def _void_color(fields: Mapping[str, Any], no_class: Sequence[_Line], taken: Sequence[Color]) -> Color:
    """The colour of void: as stated, or else one that no class has."""
    stated = fields.get("void_color") or next((line.color for line in no_class if line.color), None)
    if stated:
        return _color(stated)
    return next(color for k in range(256) if (color := (*VOID_COLOR[:2], VOID_COLOR[2] ^ k)) not in taken)


def _is_value(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= HIGHEST


def _color(color: Any) -> Color:
    if not isinstance(color, (list, tuple)) or len(color) != 3 or not all(isinstance(v, int) for v in color):
        raise ValueError(f"a colour is [red, green, blue], got {color!r}")
    return color[0], color[1], color[2]


# Classes without names.

# Numbers in masks are of objects if there are more than MANY in a mask, and at least the share ONE_BLOB of
# them is one connected region each.
MANY, ONE_BLOB = 10, 0.9
UNNAMED = "the values in the masks; a class list gives them names"
HOW_TO_LIST = (
    "write a classes.json next to the folders with one value in the masks, or a list, for each name, as in"
    ' {"names": ["background", "object"], "values": [0, 255]}'
)


def shown_by(masks: Sequence[str], known: ClassList, page: int | None) -> ClassList:
    """What the values in masks are: numbers of objects, or classes "class 0", "class 1", ...

    Args:
        masks: all files.
        known: the values that are void.
        page: which image of files that hold several.

    Raises:
        LabelError: a mask is painted, or the values are neither.
    """
    values: set[int] = set()
    numbers = single = 0
    for path in tracked(masks, len(masks), "Looking for classes (a classes.txt saves this)"):
        labels = read_labels(Path(path), page)
        if labels.ndim == 3:
            raise LabelError(f"{path}: {PAINTED}")
        here = set(np.unique(labels).tolist())
        values |= here
        if len(here) > MANY and numbers < 1000:
            found = blobs(labels)
            numbers, single = numbers + found[0], single + found[1]
    if numbers and single >= ONE_BLOB * numbers:
        source = "the masks hold numbers of objects: each is one connected region"
        return ClassList(of_objects(None), None, known.values, source, objects=True)
    return _numbered(values, Path(masks[0]).parent, known)


def blobs(labels: NDArray[Any]) -> tuple[int, int]:
    """How many numbers a mask holds, without 0, and how many of them are one connected region."""
    from skimage.measure import label  # only here: a third of a second to import

    _, first = np.unique(label(labels, background=0, connectivity=2), return_index=True)
    numbers, regions = np.unique(labels.ravel()[first], return_counts=True)  # one pixel of each region
    return int((numbers != 0).sum()), int((regions[numbers != 0] == 1).sum())


def _numbered(values: set[int], folder: Path, known: ClassList) -> ClassList:
    """Classes "class 0", "class 1", ... for the values in masks, without 255 and what `known` calls void.

    Raises:
        LabelError: the values are not those of classes: 0 and 255, negative, or most of the numbers between
            them do not occur.
    """
    indices = sorted(values - {VOID, *known.values})
    if (
        not indices
        or values == {0, VOID}
        or indices[0] < 0
        or 2 * len(indices) < indices[-1] + 1 - indices[0]
    ):
        found = listed([*map(str, sorted(values))], 20)
        rule = "class indices 0, 1, 2, ... and 255 for void"
        raise LabelError(
            f"{folder}: the masks hold the values {found}, which are not {rule}; {HOW_TO_LIST};"
            ' "void": [...] names others'
        )
    with naming(folder):
        classes = Classes.of(*(f"class {value}" for value in indices))
    meaning = dict(known.values) | {value: k for k, value in enumerate(indices)}
    return ClassList(classes, None, meaning, UNNAMED)


def of_objects(classes: Classes | None) -> Classes:
    """The classes of the background and of objects, which are called so where nobody has named them.

    Raises:
        ValueError: there are not two.
    """
    classes = classes or Classes.of("background", "object")
    if len(classes) != 2:
        wanted = "masks of objects need two names, of the background and of the objects"
        raise ValueError(f"{wanted}, not {len(classes)} ({listed([*classes])})")
    return classes


# The forms of the files.

_COLOR = re.compile(r"[\s,;:]+(\d+)[\s,;]+(\d+)[\s,;]+(\d+)$")
_COLOR_FIRST = re.compile(r"(\d+)[\s,;]+(\d+)[\s,;]+(\d+)[\s,;]+(?=\D)")
_NUMBER = re.compile(r"(\d+)[\s:=,;]+(?=\D)")


def _text(path: Path) -> dict[str, Any]:
    """One name a line; its number may come before it, its colour before or after it."""
    lines = (line.strip() for line in read_text(path).splitlines())
    rows: list[tuple[str, list[int] | None]] = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        color = _COLOR.search(line) or _COLOR_FIRST.match(line)
        name = line if color is None else (line[: color.start()] + line[color.end() :])
        rows.append((name.strip(" \t,;:"), [int(value) for value in color.groups()] if color else None))
    numbers = [_NUMBER.match(name) for name, _ in rows]
    fields: dict[str, Any] = {"names": [name for name, _ in rows]}
    if rows and all(numbers):
        fields["values"] = [int(number[1]) for number in numbers if number]
        fields["names"] = [name[number.end() :] for (name, _), number in zip(rows, numbers) if number]
    return fields | ({"colors": [color for _, color in rows]} if any(color for _, color in rows) else {})


def _label_map(path: Path) -> dict[str, Any]:
    """CVAT's `name:red,green,blue:parts:actions`."""
    lines = [line.split(":") for line in read_text(path).splitlines() if line.strip() and line[0] != "#"]
    colors = [
        [_int(value) for value in line[1].split(",")] if line[1:] and line[1] else None for line in lines
    ]
    return {"names": [line[0] for line in lines]} | ({"colors": colors} if any(colors) else {})


def _table(path: Path) -> dict[str, Any]:
    """A table with a header: value and name (Roboflow), name and r, g, b, or ADE20K's objectInfo150.txt."""
    text = read_text(path)
    rows = csv.DictReader(text.splitlines(), delimiter="\t" if "\t" in text.partition("\n")[0] else ",")
    found = [{str(key).strip().lower(): str(value).strip() for key, value in row.items()} for row in rows]
    heads = [key for key in ("name", "class", "class name", "label") if found and key in found[0]]
    fields: dict[str, Any] = {"names": [row[heads[0]] if heads else "" for row in found]}
    if found and {"r", "g", "b"} <= set(found[0]):
        fields["colors"] = [[_int(row[channel]) for channel in "rgb"] for row in found]
    if found and (key := next((key for key in ("pixel value", "value", "idx", "id") if key in found[0]), "")):
        fields["values"] = [_int(row[key]) for row in found]
    return fields


def _int(text: str) -> int:
    """A whole number in a cell of a table."""
    if not text.strip().isdecimal():
        raise ValueError(f"expected a whole number, got {text!r}")
    return int(text)


# The files that hold a list, those of seglib first; names in small letters.
LISTS: dict[str, Callable[[Path], Any]] = {
    "classes.json": read_json,
    "classes.txt": _text,
    "labelmap.txt": _label_map,
    "class_names.txt": _text,
    "labels.txt": _text,
    "label_colors.txt": _text,
    "_classes.csv": _table,
    "class_dict.csv": _table,
    "objectinfo150.txt": _table,
} | dict.fromkeys(("classes.csv", "class_dict_seg.csv", "label_class_dict.csv"), _table)
