"""A notebook's source, `notebooks/source/NN_slug.py`, as cells; and the student's cells made from them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import jupytext

BEGIN = re.compile(r"^(\s*)# BEGIN SOLUTION ?(.*)$")
END = re.compile(r"^\s*# END SOLUTION\s*$")
MARKER = re.compile(r"^# %%")


@dataclass(frozen=True)
class Cell:
    """One cell of a source file.

    Attributes:
        kind: "code" or "markdown".
        text: the solved text.
        tags: the cell's tags.
        line: where its marker stands in the file, from 1.
        id: stays the same while the cell's first line does, wherever the cell moves.
    """

    kind: str
    text: str
    tags: frozenset[str]
    line: int
    id: str


def read_cells(path: Path) -> list[Cell]:
    """The cells of a source file.

    Raises:
        ValueError: text stands before the first `# %%`, or a cell is neither code nor markdown.
    """
    text = path.read_text(encoding="utf-8")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if MARKER.match(line)]
    cells = jupytext.reads(text, fmt="py:percent").cells
    if len(cells) != len(lines):
        raise ValueError(f"{path.name}: {len(lines)} lines `# %%`, {len(cells)} cells. Begin with `# %%`.")
    seen: Counter[str] = Counter()
    made = []
    for cell, line in zip(cells, lines):
        if cell.cell_type not in ("code", "markdown"):
            raise ValueError(f"{path.name}:{line}: a cell is code or [markdown], not {cell.cell_type}.")
        tags = frozenset(cell.metadata.get("tags", []))
        first = f"{cell.cell_type} {sorted(tags)} {cell.source.partition(chr(10))[0]}"
        seen[first] += 1
        name = hashlib.sha256(f"{path.stem} {first} {seen[first]}".encode()).hexdigest()[:12]
        made.append(Cell(cell.cell_type, cell.source, tags, line, name))
    return made


def stub(text: str) -> str:
    """What the student finds: each solution is `...  # your code here`, or the stub its fence names.

    Raises:
        ValueError: a fence is opened twice, or not closed.

    Example:
        >>> print(stub('''def area(mask):
        ...     # BEGIN SOLUTION
        ...     return mask.sum()
        ...     # END SOLUTION'''))
        def area(mask):
            ...  # your code here
    """
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        begin, end = BEGIN.match(line), END.match(line)
        if (begin and inside) or (end and not inside):
            raise ValueError(f"a solution fence has no partner: {line.strip()!r}")
        if begin:
            kept.append(f"{begin[1]}{begin[2] or '...'}  # your code here")
        elif not end and not inside:
            kept.append(line)
        inside = bool(begin) or (inside and not end)
    if inside:
        raise ValueError("a `# BEGIN SOLUTION` has no `# END SOLUTION`")
    return "\n".join(kept)


def solved(text: str) -> str:
    """The solved text without its fences."""
    return "\n".join(line for line in text.splitlines() if not BEGIN.match(line) and not END.match(line))
