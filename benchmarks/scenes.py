"""How fast are the built-in images drawn? At 160x160 the aim is 60 a second on one core.

Counts CPU time, since other work may share the cores; the best of several rounds; image, mask and instances
together. With --sheet it also writes a contact sheet: images above, the same with their masks below.

    python benchmarks/scenes.py [--rounds 5] [--images 40] [--sheet sheet.png]
"""

from __future__ import annotations

import argparse
import platform
import time

import cv2
import numpy as np
import torch
from torchvision.io import write_png
from torchvision.utils import make_grid

from seglib.draw import overlay
from seglib.scenes import CLASSES, Scenes

SIZES = [(160, 160), (320, 320), (480, 640)]


def images_per_second(dataset: Scenes, rounds: int) -> float:
    """The best of several rounds through the data set, in images per second of CPU time."""
    dataset.scene(0)  # what is drawn once and kept
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for index in range(len(dataset)):
            dataset.scene(index)
        best = min(best, time.process_time() - start)
    return len(dataset) / best


def contact_sheet(path: str, rows: int = 3, columns: int = 6) -> None:
    scenes = [Scenes(rows * columns, "val").scene(index) for index in range(rows * columns)]
    plain = make_grid([scene.image for scene in scenes], columns, padding=3, pad_value=255)
    masked = make_grid(
        [overlay(scene.image, scene.mask, CLASSES) for scene in scenes], columns, 3, pad_value=255
    )
    write_png(torch.cat([plain, masked], 1), path)
    print(f"contact sheet: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--sheet", metavar="FILE.png")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, ", end="")
    print(f"numpy {np.__version__}, OpenCV {cv2.__version__}, one thread")
    for size in SIZES:
        speed = images_per_second(Scenes(arguments.images, "val", size), arguments.rounds)
        print(f"{size[0]:4} x {size[1]:4}: {speed:6.1f} images/s of CPU time, {1000 / speed:6.1f} ms each")
    if arguments.sheet:
        contact_sheet(arguments.sheet)


if __name__ == "__main__":
    main()
