"""What every file of the project must be: `python tools/tidy.py FILES` says what is not; fixes line ends."""

from __future__ import annotations

import sys
from pathlib import Path

LARGEST = {".lock": 600_000, ".png": 600_000}  # bytes; everything else, notebooks included, 200 kB
CONFLICT = b"<<<<" + b"<<< "


def complaints(path: Path) -> list[str]:
    """What is wrong with one file: too large, a merge left half-way, no line end at the end of a text."""
    content = path.read_bytes()
    found, limit = [], LARGEST.get(path.suffix, 200_000)
    if len(content) > limit:
        found.append(f"{path}: {len(content)} bytes, at most {limit} are kept in git")
    if CONFLICT in content:
        found.append(f"{path}: a merge conflict")
    if content and b"\0" not in content and ends(content) != content:
        found.append(f"{path}: must end with one line end, and have no blanks at the end of it")
    return found


def ends(content: bytes) -> bytes:
    """The same text with exactly one line end at its end."""
    return content.rstrip(b" \t\r\n") + b"\n"


def main(names: list[str]) -> int:
    """Print the complaints and fix line ends; 1 when there were any, as pre-commit expects."""
    status = 0
    for path in map(Path, names):
        for line in complaints(path):
            print(line)
            status = 1
            if "line end" in line:
                path.write_bytes(ends(path.read_bytes()))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
