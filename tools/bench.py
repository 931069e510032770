"""Run the benchmarks, one after the other: all of them, or those named: `python tools/bench.py scenes`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


def main(names: list[str]) -> int:
    """Each is a script that prints its own numbers, versions and hardware; the status is 1 if one fails."""
    scripts = [path for path in sorted(FOLDER.glob("*.py")) if not path.stem.startswith("_")]
    chosen = [path for path in scripts if not names or path.stem in names]
    if not chosen:
        print(
            f"There is no benchmark {', '.join(names)}; there are {', '.join(path.stem for path in scripts)}."
        )
        return 2
    failed = []
    for path in chosen:
        print(f"\n== {path.stem}", flush=True)
        if subprocess.call([sys.executable, str(path)], cwd=FOLDER.parent):
            failed.append(path.stem)
    print(f"\nFAILED: {', '.join(failed)}" if failed else f"\n{len(chosen)} benchmarks ran.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
