"""A class's boards merged: one table and one page for each set of test images that was judged."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from seglib import files
from seglib.course.board import FAMILIES, FORMAT, Row, chart_figure, columns
from seglib.draw import embedded, figure_bytes
from seglib.labels import numbered
from seglib.tables import Table

LARGEST = 1_000_000  # bytes; a board's file has a few thousand
TEXTS = ("student", "data", "fingerprint", "rare", "profile", "machine")
SHARES = ("mean_iou", "boundary", "rare_iou")
NOTE = (
    "Rows of different tables cannot be compared: they were judged on other images, or in another profile. "
    "Seconds are those of each student's own machine."
)


@dataclass(frozen=True)
class Sheet:
    """What one file of `Board.write` holds.

    Attributes:
        student: who handed it in.
        data: the test images in words.
        fingerprint: of their pixels and masks: two sheets with the same one judged the same images.
        rare: name of the rarest class.
        profile: "tiny", "laptop" or "gpu".
        machine: in words.
        rows: at least one.
    """

    student: str
    data: str
    fingerprint: str
    rare: str
    profile: str
    machine: str
    rows: Sequence[Row]

    @property
    def judged(self) -> tuple[str, str, str, str]:
        """What two sheets must have in common for their rows to be compared."""
        return self.data, self.profile, self.fingerprint, self.rare


def read(path: Path) -> Sheet:
    """Read a file that `Board.write` wrote.

    Raises:
        ValueError: it is not such a file; the message names it and says what is wrong.
    """
    path = files.as_path(path)
    try:
        with path.open("rb") as file:
            size = len(file.read(LARGEST + 1))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); check its name") from None
    if size > LARGEST:
        raise ValueError(f"{path}: is too large for a board; give a file that board.write() wrote")
    content = files.read_json(path)
    with files.naming(path):
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError("is not a board of this version; write it again with board.write()")
        for name in TEXTS:
            if not _is_text(content.get(name)):
                raise ValueError(f"{name!r} must be a text of at most 200 characters; write the board again")
        rows = content.get("rows")
        if not isinstance(rows, list) or not 0 < len(rows) <= 200:
            raise ValueError(
                "'rows' must be a list of 1 to 200 rows; add a row to the board, then write it again"
            )
        return Sheet(
            **{name: content[name] for name in TEXTS}, rows=[_row(row, n) for n, row in enumerate(rows, 1)]
        )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 200 and value.isprintable()


def _row(given: Any, number: int) -> Row:
    if not isinstance(given, dict) or given.keys() != {field.name for field in fields(Row)}:
        raise ValueError(f"row {number} has other fields than a board's row; write the board again")
    for field in fields(Row):
        value = given[field.name]
        if field.type is str:
            good = _is_text(value)
        else:
            good = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
            good = good and value <= (1 if field.name in SHARES else 1e15)
            good = good or (field.name == "boundary" and isinstance(value, float) and math.isnan(value))
        if not good:
            raise ValueError(f"row {number}: {field.name} cannot be {value!r}; write the board again")
    if given["family"] not in FAMILIES:
        raise ValueError(f"row {number}: there is no family {given['family']!r}; write the board again")
    return Row(**given)


def tables(sheets: Sequence[Sheet]) -> Iterator[tuple[Table, list[Row]]]:
    """A table for each set of images that was judged, the highest mIoU first, and its rows.

    Sheets with the same student's name are kept apart: they are numbered.
    """
    named = zip(sheets, numbered([sheet.student for sheet in sheets]))
    ordered = sorted(named, key=lambda pair: pair[0].judged)
    for (data, profile, _, rare), group in groupby(ordered, key=lambda pair: pair[0].judged):
        lines = [(row, student, sheet.machine) for sheet, student in group for row in sheet.rows]
        lines.sort(key=lambda line: -line[0].mean_iou)
        name, *headings = columns(rare)
        cells = [[row.name, student, *row.cells()[1:]] for row, student, _ in lines]
        machines = ", ".join(sorted({machine for *_, machine in lines}))
        title = f"{data}, profile {profile or 'not named'}"
        table = Table(title, [name, "student", *headings], cells, f"Machines: {machines}.")
        yield table, [row for row, *_ in lines]


def page(sheets: Sequence[Sheet]) -> str:
    """The tables as one HTML page, each with a chart of mIoU against seconds for an image."""
    parts = []
    for table, rows in tables(sheets):
        words = f"mIoU against seconds for an image: {table.title}. The table has the numbers."
        image = embedded(figure_bytes(chart_figure(rows, "image_seconds")), words)
        parts.append(f"{table._repr_html_()}{image}")
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>The board</title>'
    style = "<style>body{font-family:sans-serif;margin:2em}div{overflow-x:auto}</style>"
    body = "<h1>The board</h1>" + "".join(f"<div>{part}</div>" for part in parts) + f"<p>{NOTE}</p>"
    return f'<!doctype html><html lang="en"><head>{head}{style}</head><body>{body}</body></html>\n'
