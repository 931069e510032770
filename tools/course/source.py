"""A notebook's source, `notebooks/source/NN_slug.py`: its cells, a student's cells, the course's answers."""

from __future__ import annotations

import ast
import builtins
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jupytext

BEGIN = re.compile(r"^(\s*)# BEGIN SOLUTION ?(.*)$")
END = re.compile(r"^\s*# END SOLUTION\s*$")
MARKER = re.compile(r"^# %%")
HEADER = """\
# ruff: noqa
# mypy: ignore-errors
\"\"\"The course's own answers, taken from notebooks/source/{name} by `make notebooks`. Edit them there.\"\"\"
"""


@dataclass(frozen=True)
class Cell:
    """One cell of a source file.

    Attributes:
        kind: "code" or "markdown".
        text: the solved text.
        tags: the cell's tags.
        line: the line of its marker in the file, from 1.
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


def answers(cells: list[Cell], name: str) -> str:
    """The course's answers as a module: for each `check("02.1", area)` what a solved cell binds to `area`.

    Args:
        cells: the cells of a source.
        name: the file's name, for the header and the messages.

    Raises:
        ValueError: an answer is missing, or uses a name that no import and no other answer defines.
    """
    code = [cell for cell in cells if cell.kind == "code"]
    fenced = [solved(cell.text) for cell in code if re.search(BEGIN.pattern, cell.text, re.MULTILINE)]
    found = {
        bound: ast.get_source_segment(text, node) or ""
        for text in fenced
        for node in ast.parse(text).body
        for bound in _binds(node)
    }
    nodes = [node for cell in code for node in ast.walk(ast.parse(solved(cell.text)))]
    checks = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "check"]
    wanted = [ast.unparse(call.args[1]) for call in checks]
    if missing := [each for each in wanted if each not in found]:
        raise ValueError(f"{name}: no cell with a solution defines {missing[0]!r}, which a check asks for.")
    body = "\n\n\n".join(found[each] for each in wanted)
    inside = list(ast.walk(ast.parse(body)))
    names = [node for node in inside if isinstance(node, ast.Name)]
    local = {node.arg for node in inside if isinstance(node, ast.arg)} | set(dir(builtins))
    local |= {node.id for node in names if isinstance(node.ctx, ast.Store)} | set(wanted)
    used, imports = {node.id for node in names} - local, dict(_imports(nodes))
    if unknown := sorted(used - imports.keys()):
        raise ValueError(
            f"{name}: an answer uses {unknown[0]!r}, which no import and no other answer defines."
        )
    lines = sorted(imports[each] for each in used)
    return HEADER.format(name=name) + "\n".join(["", *lines, "", ""][not lines :]) + f"\n{body}\n"


def _binds(node: ast.stmt) -> list[str]:
    """The names that a top-level statement of a cell binds."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    return [ast.unparse(target) for target in node.targets] if isinstance(node, ast.Assign) else []


def _imports(nodes: list[ast.AST]) -> Iterator[tuple[str, str]]:
    """Every imported name with the line that imports it alone."""
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            source = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                yield alias.asname or alias.name, f"{source}import {ast.unparse(alias)}"
