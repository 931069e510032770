"""How much memory does training take, and was it predicted? How much does a large image take to predict?

Every case runs in a process of its own, whose peak the system reports. "Predicted" is what `seglib.training.
sizing` says before the first step, plus what the process had until then.

    python benchmarks/memory.py                     # training: size and batch, predicted against measured
    python benchmarks/memory.py --camera 60         # 60 images of 1296 x 966, as a user's folder: 60 seconds
    python benchmarks/memory.py --predict 4000 6000 # one image in tiles
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import torch
from _machine import machine
from torchvision.transforms.v2 import functional as V

from seglib.data.files import write_mask
from seglib.losses import cross_entropy
from seglib.scenes import Scenes
from seglib.train import finish, train
from seglib.train_command import build
from seglib.training import sizing

CASES = [("fcn8s-lite0", 160, 16), ("fcn8s-lite0", 160, 4), ("fcn8s-lite0", 320, 4), ("unet-small", 160, 16),
         ("fcn8s-resnet18", 192, 8)]  # fmt: skip
CAMERA = (966, 1296)


def peak(process: int = resource.RUSAGE_SELF) -> int:
    """Bytes of the largest resident set so far, of this process or of its children."""
    return resource.getrusage(process).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def one_case(name: str, side: int, batch: int) -> None:
    """Print the predicted and the measured peak in GB."""
    data = Scenes(batch, size=(side, side))
    net = build(name, len(data.classes), pretrained=False)
    cost = sizing.cost_of(net, cross_entropy, len(data.classes), (side, side), torch.device("cpu"), "float32")
    if cost is None:
        raise SystemExit(f"{name} cannot be measured")
    before = psutil.Process().memory_info().rss
    finish(train(net, data, steps=2, batch_size=batch, size=(side, side), precision="float32", device="cpu"))
    print((before + cost.bytes((side, side), batch)) / 1e9, peak() / 1e9)


def camera(folder: Path, count: int) -> None:
    """Scenes, enlarged to the size of a camera's images, as a folder of PNG files."""
    for split, number in (("train", count), ("val", max(1, count // 10))):
        for kind in ("images", "masks"):
            (folder / kind / split).mkdir(parents=True)
        data = Scenes(number, split=split, size=(161, 216))
        for index, (image, mask) in enumerate(data):
            large = V.resize(image, [*CAMERA], antialias=True)
            V.to_pil_image(large).save(folder / "images" / split / f"{index}.png", compress_level=1)
            truth = V.resize(mask, [*CAMERA]).as_subclass(torch.Tensor)
            write_mask(folder / "masks" / split / f"{index}.png", truth, data.classes)
    (folder / "classes.txt").write_text("\n".join(data.classes.names) + "\n")


def train_on_camera(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        camera(Path(name), count)
        print(f"{count} images of {CAMERA[1]} x {CAMERA[0]}; load of the machine {os.getloadavg()[0]:.1f}")
        command = ["-m", "seglib", "train", "--data", name, "--seconds", "60", "--out", f"{name}/out"]
        begin = time.monotonic()
        subprocess.run([sys.executable, *command], check=True)
        print(f"{time.monotonic() - begin:.0f} s in all, peak {peak(resource.RUSAGE_CHILDREN) / 1e9:.2f} GB")


SEEN: dict[str, tuple[int, int] | None] = {"192 x 256": (192, 256), "full size": None}


def predict(height: int, width: int, seen: str) -> None:
    """One noisy image, scaled to the size of training or at its full size; prints what it took."""
    from seglib.fcn import FCNSegmenter

    classes = Scenes(1).classes
    net = build("fcn8s-lite0", len(classes), pretrained=False)
    image = V.resize(Scenes(1, size=(200, 300))[0][0], [height, width]).as_subclass(torch.Tensor)
    begin = time.monotonic()
    FCNSegmenter(net, classes, size=SEEN[seen]).predict(image)
    took = f"{time.monotonic() - begin:.1f} s, peak {peak() / 1e9:.2f} GB"
    print(f"{height} x {width} seen at {seen}: {took}")


def alone(*arguments: str) -> str:
    """What this script prints in a process of its own, so that no other case hides the peak of this one."""
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--seen", choices=SEEN, help=argparse.SUPPRESS)
    parser.add_argument("--camera", type=int)
    parser.add_argument("--predict", type=int, nargs=2)
    asked = parser.parse_args()
    if asked.case:
        one_case(asked.case[0], int(asked.case[1]), int(asked.case[2]))
        return
    if asked.predict and asked.seen:
        height, width = asked.predict
        predict(height, width, asked.seen)
        return
    print(machine())
    if asked.camera:
        train_on_camera(asked.camera)
    elif asked.predict:
        for seen in SEEN:
            print(alone("--predict", *map(str, asked.predict), "--seen", seen), flush=True)
    else:
        print(f"{'net':16}{'size':>6}{'batch':>7}{'predicted GB':>14}{'measured GB':>13}{'ratio':>7}")
        for name, side, batch in CASES:
            said, taken = map(float, alone("--case", name, str(side), str(batch)).split())
            print(f"{name:16}{side:6}{batch:7}{said:14.2f}{taken:13.2f}{said / taken:7.2f}", flush=True)


if __name__ == "__main__":
    main()
