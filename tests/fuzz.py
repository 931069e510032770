"""Thousands of broken files: each ends with a result or with one sentence of our own, soon, in little memory.

Small valid files of every format that is read are damaged: bytes flipped, cut off, doubled; fields of JSON
and of files of tensors removed, their types swapped. Then they are opened as a student's code opens them.

The rule: a case passes if the reader returns, or raises a ValueError, a FileNotFoundError or an error class
of seglib whose message is one sentence (one line) that names a file or folder of the case. It fails with any
other exception (KeyError, IndexError, AttributeError, TypeError, struct.error, UnicodeDecodeError, torch's
RuntimeError, MemoryError, ...), after 10 seconds of the processor or 60 by the clock, with more than 1 GB of
memory beyond what the libraries take, or if the process dies.

    python -m tests.fuzz [--cases 10000] [--seed 0] [--only png] [--start 0]

The cases run in a child process, which is started anew where it ended. Prints the failures and a summary.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from pycocotools import mask as pycoco

from seglib import cache, files
from seglib.backbones import load as load_backbone
from seglib.course import budget, class_board, store
from seglib.course.board import Row
from seglib.data.annotations import read_coco
from seglib.data.catalog import load
from seglib.data.dataset import SplitError
from seglib.data.files import read_image, read_labels
from seglib.fcn import FCN, FCNSegmenter
from seglib.labels import Classes
from seglib.regions import RegionFeatures, RegionSegmenter
from seglib.regions.svm import LinearSVMs
from seglib.scenes import Scenes
from seglib.train import train
from seglib.widgets.annotator.drawn_file import DrawnFile
from tests.data import strangers

SECONDS, MEMORY = 10, 2**30
PATIENCE = 6  # times as long a case may wait for a busy machine
CLASSES = Classes.of("background", "fish", "weed")


class Format(NamedTuple):
    """A kind of file: what makes valid ones in a folder and returns those to damage, and what opens them."""

    make: Callable[[Path], list[Path]]
    read: Callable[[Path], object]


# Valid files, as small as they can be.

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 255, (12, 16, 3), np.uint8)
MASK = np.repeat(np.arange(3, dtype=np.uint8), 64).reshape(12, 16)


def write_image(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def image(suffix: str, pixels: np.ndarray = PIXELS, **options: Any) -> Format:
    def read(root: Path) -> None:
        read_image(root / f"one.{suffix}")

    return Format(lambda root: [write_image(root / f"one.{suffix}", pixels, **options)], read)


def mask(suffix: str, **options: Any) -> Format:
    def make(root: Path) -> list[Path]:
        return [write_image(root / f"mask.{suffix}", MASK, **options)]

    return Format(make, lambda root: read_labels(root / f"mask.{suffix}"))


def text(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def samples(path: Path) -> None:
    """Everything that a data set is asked for."""
    found = False
    for split in ("train", "val", "test"):
        with suppress(SplitError):
            data = load(path, split)
            found = True
            for index in range(len(data)):
                data[index]
                data.count_mask(index)
                data.stated_boxes(index)
    if not found:
        load(path)


def pairs(root: Path) -> None:
    for name in ("a", "b", "c"):
        write_image(root / "images" / f"{name}.jpg", PIXELS)
        write_image(root / "masks" / f"{name}.png", MASK)


def folder(*class_lists: tuple[str, object]) -> Format:
    def make(root: Path) -> list[Path]:
        pairs(root)
        there = [root / "masks" / "b.png", root / "images" / "a.jpg"]
        return [text(root / name, content) for name, content in class_lists] or there

    return Format(make, samples)


COLORS = {"names": [*CLASSES], "colors": [[0, 0, 0], [9, 9, 9], [1, 2, 3]], "void_color": [255, 255, 255]}
VALUES = {"names": [*CLASSES], "values": [0, 1, 2]}
RUNS = {"size": [12, 16], "counts": [3, 5, 184]}
OUTLINE = [[1, 1, 8, 1, 8, 8, 1, 8]]


def coco_content() -> dict[str, Any]:
    entries = [{"id": k, "file_name": f"{k}.jpg", "height": 12, "width": 16} for k in range(3)]
    objects: list[dict[str, Any]] = [
        {"id": k, "image_id": k, "category_id": 1 + k % 2, "bbox": [1, 1, 7, 7], "area": 49, "iscrowd": 0,
         "segmentation": OUTLINE} for k in range(3)
    ]  # fmt: skip
    objects += [{"id": 9, "image_id": 0, "category_id": 1, "iscrowd": 1, "segmentation": RUNS}]
    packed = pycoco.encode(np.asfortranarray(MASK == 1))
    runs = {"size": [12, 16], "counts": packed["counts"].decode()}
    objects += [{"id": 8, "image_id": 1, "category_id": 2, "segmentation": runs}]
    return {"images": entries, "annotations": objects,
            "categories": [{"id": 1, "name": "fish"}, {"id": 2, "name": "weed"}]}  # fmt: skip


def coco(root: Path) -> list[Path]:
    for number in range(3):
        write_image(root / "images" / f"{number}.jpg", PIXELS)
    return [text(root / "some.json", coco_content())]


def drawn(root: Path) -> list[Path]:
    content = coco_content()
    for one in [*content["images"], *content["annotations"]]:
        one["seconds"] = 2.5
    return [text(root / "drawn.json", content)]


def read_drawn(root: Path) -> None:
    read_coco(root / "drawn.json")
    before = (root / "drawn.json").read_bytes()
    file = DrawnFile(root / "drawn.json", "polygons", ("fish", "weed"))
    try:
        file.save([*file.images.values()])
    finally:
        (root / "drawn.json").write_bytes(before)


def yolo(root: Path) -> list[Path]:
    pairs(root)
    lines = "0 0.1 0.1 0.5 0.1 0.5 0.5\n1 0.5 0.5 0.9 0.5 0.9 0.9\n"
    labels = [text(root / "labels" / f"{name}.txt", lines) for name in ("a", "b", "c")]
    for file in (root / "masks").iterdir():
        file.unlink()
    (root / "masks").rmdir()
    return [labels[0], text(root / "data.yaml", "path: .\ntrain: images\nnames:\n  0: fish\n  1: weed\n")]


def labelme(root: Path) -> list[Path]:
    found = []
    for name in ("a", "b", "c"):
        write_image(root / f"{name}.jpg", PIXELS)
        shapes = [
            {"label": "fish", "points": [[1, 1], [8, 1], [8, 8]], "shape_type": "polygon", "group_id": None},
            {"label": "weed", "points": [[9, 9], [14, 11]], "shape_type": "rectangle", "group_id": 1},
        ]
        content = {"version": "5.0", "shapes": shapes, "imagePath": f"{name}.jpg", "imageData": None,
                   "imageHeight": 12, "imageWidth": 16}  # fmt: skip
        found.append(text(root / f"{name}.json", content))
    return found[:1]


def voc(root: Path) -> list[Path]:
    stems = [f"2007_{number}" for number in range(3)]
    for stem in stems:
        write_image(root / "JPEGImages" / f"{stem}.jpg", PIXELS)
        write_image(root / "SegmentationClass" / f"{stem}.png", MASK)
        write_image(root / "SegmentationObject" / f"{stem}.png", MASK)
    lists = root / "ImageSets/Segmentation"
    there = [text(lists / f"{part}.txt", "\n".join(stems) + "\n") for part in ("train", "val")]
    return [*there, root / "SegmentationObject" / f"{stems[0]}.png"]


def pets(root: Path) -> list[Path]:
    stems = [f"beagle_{number}" for number in range(4)]
    for stem in stems:
        write_image(root / "images" / f"{stem}.jpg", PIXELS)
        write_image(root / "annotations" / "trimaps" / f"{stem}.png", MASK + 1)
    lines = "".join(f"{stem} 1 2 1\n" for stem in stems)
    return [text(root / "annotations" / f"{part}.txt", lines) for part in ("trainval", "test")]


def segmenter(root: Path) -> list[Path]:
    torch.manual_seed(0)
    FCNSegmenter(FCN(load_backbone("small"), 3, stride=8), CLASSES, size=(32, 48)).save(root / "net.pt")
    return [root / "net.pt"]


def predicted(root: Path) -> None:
    FCNSegmenter.load(root / "net.pt").predict(torch.from_numpy(PIXELS).permute(2, 0, 1).contiguous())


def region_segmenter(root: Path) -> list[Path]:
    torch.manual_seed(0)
    features = RegionFeatures(load_backbone("small"), foreground=load_backbone("small"), size=32)
    one = RegionSegmenter(CLASSES, features=features, kind="full", number=9)
    one.svms = LinearSVMs(torch.randn(len(CLASSES), 256), torch.zeros(len(CLASSES)))
    one.save(root / "regions.pt")
    return [root / "regions.pt"]


def regions_predicted(root: Path) -> None:
    RegionSegmenter.load(root / "regions.pt").predict(torch.from_numpy(PIXELS).permute(2, 0, 1).contiguous())


def layout(name: str, *damaged: str) -> Format:
    """A layout of `tests/data/strangers.py`, and the patterns of what is damaged in it."""

    def made(root: Path) -> list[Path]:
        strangers.write(root, strangers.LAYOUTS[name])
        return [sorted(root.glob(pattern))[0] for pattern in damaged]

    return Format(made, samples)


class Linear(torch.nn.Module):
    """The smallest net."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.scores = torch.nn.Conv2d(3, len(Scenes(1).classes), 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scores(images.float() / 255)


def steps(root: Path, number: int) -> None:
    options: dict[str, Any] = {
        "batch_size": 1,
        "seed": 0,
        "precision": "float32",
        "checkpoint": root / "run.pt",
    }
    for _ in train(Linear(), Scenes(2, size=(16, 16)), steps=number, **options):
        pass


def checkpoint(root: Path) -> list[Path]:
    steps(root, 1)
    return [root / "run.pt"]


def resumed(root: Path) -> None:
    before = (root / "run.pt").read_bytes()
    try:
        steps(root, 2)
    finally:
        (root / "run.pt").write_bytes(before)


def tensors(root: Path) -> list[Path]:
    files.write(root / "some.pt", {"weights": {"a": torch.ones(2, 3)}, "names": ["x"], "rate": 0.5})
    return [root / "some.pt"]


def read_tensors(root: Path) -> None:
    files.read(root / "some.pt")


def progress(root: Path) -> list[Path]:
    content = {"checks": {"02.1": {"attempts": 2, "right": True}}, "hints": {"02.1": {"shown": 1}},
               "predictions": {"02.p1": {"guess": 0.5, "value": 0.25, "late": False}},
               "quiz": {"1": {"first": 1, "tries": 2, "right": True}}}  # fmt: skip
    return [text(root / "progress" / "02.json", content)]


def board(root: Path) -> list[Path]:
    row = Row("net", "fcn", 0.5, 0.4, 0.3, 10.0, 0.1, weights=1000, peak_bytes=10**6, minutes=4.0)
    content: dict[str, Any] = dict.fromkeys(class_board.TEXTS, "text")
    content |= {"format": class_board.FORMAT, "rows": [asdict(row)]}
    return [text(root / "board.json", content)]


def prices(root: Path) -> list[Path]:
    return [text(root / "prices.json", {"box": 6.5, "mask": 40.0, "objects": 12})]


def with_home(read: Callable[[], object]) -> Callable[[Path], None]:
    def call(root: Path) -> None:
        os.environ["SEGLIB_HOME"] = os.environ["SEGLIB_CACHE"] = str(root)
        read()

    return call


def kept_results(root: Path) -> list[Path]:
    os.environ["SEGLIB_CACHE"] = str(root)
    cache.save("key", {"a": np.arange(6).reshape(2, 3)})
    return [root / "cache.sqlite"]


def looked_up() -> None:
    cache.load("key")
    cache.save("other", {"a": np.arange(3)})


FORMATS = {
    "png": image("png"), "png, 16 bits": image("png", PIXELS[..., 0].astype(np.uint16) * 200),
    "jpeg": image("jpg"), "tiff": image("tif"), "tiff, packed": image("tif", compression="tiff_lzw"),
    "gif": image("gif"), "bmp": image("bmp"), "webp": image("webp"), "ppm": image("ppm"),
    "mask png": mask("png"), "mask tiff": mask("tif"), "mask gif": mask("gif"), "mask bmp": mask("bmp"),
    "folder": folder(),
    "classes.json": folder(("classes.json", VALUES)),
    "classes.json, colours": folder(("classes.json", COLORS)),
    "classes.txt": folder(("classes.txt", "background\nfish\nweed\n")),
    "classes.txt, colours": folder(("classes.txt", "sea 0 0 0\nfish 9 9 9\nweed 1 2 3\n")),
    "coco": Format(coco, lambda root: samples(root / "some.json")), "drawn": Format(drawn, read_drawn),
    "yolo": Format(yolo, samples), "labelme": Format(labelme, samples), "voc": Format(voc, samples),
    "pets": Format(pets, samples), "segmenter": Format(segmenter, predicted),
    "checkpoint": Format(checkpoint, resumed), "tensors": Format(tensors, read_tensors),
    "progress": Format(progress, with_home(lambda: store.read("02"))),
    "board": Format(board, lambda root: class_board.read(root / "board.json")),
    "prices": Format(prices, with_home(budget.budget)),
    "cache": Format(kept_results, with_home(looked_up)),
    "region segmenter": Format(region_segmenter, regions_predicted),
    "cvat": layout("CVAT, mask 1.1", "labelmap.txt", "SegmentationClass/*", "SegmentationObject/*"),
    "roboflow": layout("Roboflow, semantic masks", "train/_classes.csv", "train/*_mask.png"),
    "cityscapes": layout("Cityscapes, labelIds", "gtFine/train/*/*labelIds.png", "leftImg8bit/train/*/*.png"),
    "ade20k": layout("ADE20K", "objectInfo150.txt", "annotations/training/*"),
    "class_dict.csv": layout("DeepGlobe", "class_dict.csv", "train/*_mask.png"),
    "one mask an object": layout("one mask file for each object", "00/masks/*", "00/images/*"),
    "numbers of objects": layout("numbers of objects", "masks/a.tif", "images/a.tif"),
    "coco, two files": layout("COCO 2017", "annotations/instances_train2017.json"),
}  # fmt: skip


# Damage.

ODD: list[Any] = [
    None, True, -1, 0, 1.5, 255, 256, 2**31, 2**63, 10**400, 1e308, float("nan"), float("inf"), "", "x",
    "9" * 50, "../../etc", "\0", "a\nb", [], {}, [[]], [None], {"a": []}, [1, 2], ["x", "y"],
    [[0, 1], [2]],
]  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key in a value."""
    for key in [*value] if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


def damaged_value(content: Any, rng: random.Random) -> Any:
    """Fields removed, doubled, or with a value of another type."""
    content = copy.deepcopy(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if not (found := [*places(content)]):
            return rng.choice(ODD)
        container, key = rng.choice(found)
        what = rng.random()
        if what < 0.3:
            del container[key]
        elif what < 0.4 and isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
        elif what < 0.5:
            container[key] = copy.deepcopy(rng.choice(found)[0])
        else:
            container[key] = copy.deepcopy(rng.choice(ODD))
    return content if rng.random() > 0.02 else rng.choice(ODD)


def damaged_tensors(content: Any, rng: random.Random) -> Any:
    """The same, and tensors of other shapes and types."""
    found = [(box, key) for box, key in places(content) if isinstance(box[key], torch.Tensor)]
    if found and rng.random() < 0.4:
        content = copy.deepcopy(content)
        box, key = rng.choice([(b, k) for b, k in places(content) if isinstance(b[k], torch.Tensor)])
        changes: list[Callable[[torch.Tensor], Any]] = [
            lambda t: t.reshape(-1)[:-1], lambda t: t[None], lambda t: t.bool(), lambda t: t * torch.nan,
            lambda t: t.to(torch.complex64), lambda t: t.tolist(), lambda t: torch.zeros(0),
        ]  # fmt: skip
        box[key] = rng.choice(changes)(box[key])
        return content
    return damaged_value(content, rng)


def damaged_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bytes flipped, cut off, removed, doubled, set to extremes, put in."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange((len(content) if rng.random() < 0.6 else min(len(content), 64)) + 1)
        span = rng.choice((1, 2, 4, 16, 100))
        what = rng.randrange(6)
        if what == 0:
            for place in range(at, min(at + span, len(content))):
                content[place] ^= 1 << rng.randrange(8)
        elif what == 1:
            del content[at:]
        elif what == 2:
            del content[at : at + span]
        elif what == 3:
            content[at:at] = content[at : at + span]
        elif what == 4:
            content[at : at + 4] = rng.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\0\0\1\0"))
        else:
            content[at:at] = rng.randbytes(span)
    return bytes(content)


def damaged_lines(data: bytes, rng: random.Random) -> bytes:
    """Lines and words removed, doubled, swapped, replaced."""
    lines = data.decode().splitlines(keepends=True) or [""]
    words = ["", "-1", "1e400", "nan", "999", "x", "0.5", "#", ":", "- [", "\t", "ä", "../a", "\ufeff"]
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(lines))
        parts = lines[at].split(" ")
        parts[rng.randrange(len(parts))] = rng.choice(words)
        lines[at] = rng.choice(("", lines[at] * 2, rng.choice(lines), " ".join(parts), " ".join(parts)))
    return "".join(lines).encode()


def damaged(path: Path, data: bytes, rng: random.Random) -> bytes:
    """A broken version of a file: of its bytes, or of its content."""
    if rng.random() < 0.35 or path.suffix not in (".json", ".pt", ".txt", ".yaml", ".csv"):
        return damaged_bytes(data, rng)
    if path.suffix == ".json":
        return json.dumps(damaged_value(json.loads(data), rng)).encode()
    if path.suffix == ".pt":
        target = io.BytesIO()
        torch.save(damaged_tensors(torch.load(io.BytesIO(data), weights_only=True), rng), target)
        return target.getvalue()
    return damaged_lines(data, rng)


# One case, and all.


def complaint(error: BaseException, root: Path) -> str:
    """Why an error breaks the rule; empty if it does not."""
    kind, words = type(error), str(error)
    if kind not in (ValueError, FileNotFoundError) and not kind.__module__.startswith("seglib."):
        return f"{kind.__name__} is not an error of ours"
    if not words.strip() or "\n" in words.split("is laid out in one of these ways")[0].strip():
        return "not one sentence"
    names = {path.stem for path in root.rglob("*")} | {root.name}
    return "" if any(name in words for name in names) else "names no file"


class Case:
    """The valid files of all formats in a folder, and the damage number `n` done to one of them."""

    def __init__(self, root: Path, seed: int, only: str = "", seconds: int = 0) -> None:
        self.seconds, self.seed, self.names = seconds, seed, [name for name in FORMATS if only in name]
        self.roots = {name: root / f"case{number}" for number, name in enumerate(self.names)}
        self.targets: dict[str, list[tuple[Path, bytes]]] = {}
        for name, place in self.roots.items():
            place.mkdir()
            self.targets[name] = [(path, path.read_bytes()) for path in FORMATS[name].make(place)]
            FORMATS[name].read(place)  # it is valid

    def run(self, number: int) -> tuple[str, str]:
        """(how it ended in one word, what is wrong or nothing)."""
        name = self.names[number % len(self.names)]
        rng = random.Random(f"{self.seed} {number}")
        root, (path, data) = self.roots[name], rng.choice(self.targets[name])
        path.write_bytes(damaged(path, data, rng))
        if self.seconds:
            signal.setitimer(signal.ITIMER_PROF, self.seconds)  # of the processor: others may be busy too
            signal.alarm(PATIENCE * self.seconds)
        try:
            FORMATS[name].read(root)
            return "result", ""
        except Exception as error:
            if not (wrong := complaint(error, root)):
                return "refused", ""
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            return "failed", f"{name}, {path.name}: {wrong} ({place}): {error!r:.200}"
        finally:
            if self.seconds:
                signal.setitimer(signal.ITIMER_PROF, 0)
                signal.alarm(0)
            path.write_bytes(data)


def late(*_: object) -> None:
    raise TimeoutError(f"{SECONDS} seconds are over")


def child(first: int, end: int, seed: int, only: str) -> None:
    """Run cases; a line before and after each."""
    import resource  # not on Windows

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, late)
    with tempfile.TemporaryDirectory() as folder:
        cases = Case(Path(folder), seed, only, SECONDS)
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
        for number in range(first, end):
            print(json.dumps([number, "begins", ""]), flush=True)
            print(json.dumps([number, *cases.run(number)]), flush=True)


def main() -> None:
    """All cases, whatever happens to the process that runs them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option, default in (("--cases", 10_000), ("--seed", 0), ("--start", 0), ("--child", 0)):
        parser.add_argument(option, type=int, default=default)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    if not any(options.only in name for name in FORMATS):
        parser.error(f"there is no format {options.only!r}; there are {', '.join(FORMATS)}")
    if options.child:
        child(options.start, options.cases, options.seed, options.only)
        return
    ended: Counter[str] = Counter()
    number, begin, slowest = options.start, time.monotonic(), 0.0
    while number < options.cases:
        asked = vars(options) | {"child": 1, "start": number}
        command = [sys.executable, "-m", "tests.fuzz"]
        command += [f"--{name}={value}" for name, value in asked.items()]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, text=True, **pipes) as process:
            assert process.stdout is not None
            running, started = None, time.monotonic()
            while select.select([process.stdout], [], [], 300)[0]:
                if not (line := process.stdout.readline()):
                    break
                now, how, wrong = json.loads(line)
                if how == "begins":
                    running, started = now, time.monotonic()
                    continue
                slowest = max(slowest, time.monotonic() - started)
                number = now + 1
                ended[how] += 1
                if wrong:
                    print(f"case {now}: {wrong}", flush=True)
            process.kill()
            code = process.wait()
        if number < options.cases:
            if running is None:
                sys.exit(f"the cases cannot be started (status {code}): run with --child 1")
            print(f"case {running}: the process did not answer or died (status {code})", flush=True)
            ended["died"] += 1
            number = running + 1
    spent = time.monotonic() - begin
    print(f"{sum(ended.values())} cases in {spent:.0f} s, the slowest {slowest:.1f} s: {dict(ended)}")
    sys.exit(bool(ended["failed"] + ended["died"]))


if __name__ == "__main__":
    main()
