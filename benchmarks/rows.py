"""Rows: what a run measured, one line of JSON each, and whether the code that it rests on is still the same.

`benchmarks/results/NAME.jsonl` has the rows of the experiment NAME, which `benchmarks/claims.py` describes:

    {"experiment": "skips", "arm": "FCN-8s", "data": "pets", "seed": 0, "values": {"mIoU, %": 86.1, ...},
     "options": {...}, "seconds": 31.2, "code": "0c4a...", "commit": "1a2b3c4", "versions": {...},
     "device": "..."}

A row counts as long as its options are those of the registry and `code`, a hash of the modules that the
experiment rests on, is that of today's modules. Comments, docstrings and empty lines are not hashed. A row
that was repeated is the last one. This module needs the standard library only, so that claims are rendered in
seconds.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
Row = dict[str, Any]
Key = tuple[str, str, int]  # arm, data, seed


def read(path: Path) -> dict[Key, Row]:
    """The rows of a file by arm, data and seed; a line that a killed run left unfinished is skipped."""
    found: dict[Key, Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        found[row["arm"], row["data"], row["seed"]] = row
    return found


def append(path: Path, rows: Iterable[Row]) -> None:
    """Add lines in one write; the file is never rewritten, so a kill loses at most these.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    whole = not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, (text if whole else "\n" + text).encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def code_hash(
    root: Path, parts: Sequence[str], entry: tuple[str, str, frozenset[str]] | None = None,
    unused: Mapping[str, frozenset[str]] | None = None,
) -> str:  # fmt: skip
    """A hash of the statements of some modules.

    Args:
        root: the folder that the parts are in.
        parts: files and folders, such as "seglib/fcn" and "seglib/train.py".
        entry: a file of experiments, the function of this one, and those of all: others do not count.
        unused: functions of a file that no experiment runs; they do not count.

    Raises:
        FileNotFoundError: there is no such file or folder.
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        path = root / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            name = file.relative_to(root).as_posix()
            text = statements(_text(file), (unused or {}).get(name, frozenset()))
            digest.update(f"{name}\n{text}".encode())
    if entry is not None:
        name, own, every = entry
        digest.update(statements(_text(root / name), every - {own}).encode())
    return digest.hexdigest()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def statements(text: str, without: frozenset[str] = frozenset()) -> str:
    r"""The text of a module without comments, docstrings, empty lines and the functions `without`.

    The text, not the syntax tree: that is written differently by different versions of Python.

    Example:
        >>> statements("x = 1  # one\n\ndef f():\n    'Say so.'\n    return x\n").splitlines()
        ['x = 1', 'def f():', '    return x']
    """
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(text)):
        span: ast.stmt | None = None
        if isinstance(node, ast.FunctionDef) and node.name in without:
            span = node
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                span = first if isinstance(first.value.value, str) else None
        if span is not None:
            assert span.end_lineno is not None
            lines[span.lineno - 1 : span.end_lineno] = [""] * (span.end_lineno - span.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())
