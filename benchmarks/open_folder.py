"""How long does it take to open a folder of 100 000 images with masks, of which none is read?

The files are empty, so that reading one would fail.

    python benchmarks/open_folder.py [--images 100000]
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

from seglib.data.catalog import load


def fill(folder: Path, images: int) -> None:
    """Empty images and masks, and a class list."""
    for name, suffix in (("images", "jpg"), ("masks", "png")):
        (folder / name).mkdir()
        for k in range(images):
            (folder / name / f"{k:06}.{suffix}").touch()
    (folder / "classes.txt").write_text("background\ncat\n")


def main() -> None:
    """Make, open, and say how long both took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    images = parser.parse_args().images
    with tempfile.TemporaryDirectory() as name:
        begin = time.perf_counter()
        fill(Path(name), images)
        made = time.perf_counter()
        count = len(load(Path(name)))
        opened = time.perf_counter()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{images} images with masks: made in {made - begin:.1f} s, opened in {opened - made:.1f} s")
    print(f"{count} of them in train")


if __name__ == "__main__":
    main()
