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
from collections.abc import Callable, Iterator, Mapping
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
from seglib.course import board, budget, store
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


def one(name: str, content: Any, read: Callable[[Path], object]) -> Format:
    """A single file: its name, its content or what writes it, and what opens it."""

    def make(root: Path) -> list[Path]:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        else:
            strangers.write(root, {name: content})
        return [path]

    return Format(make, lambda root: read(root / name))


def image(suffix: str, pixels: np.ndarray = PIXELS, **options: Any) -> Format:
    return one(f"one.{suffix}", lambda path: Image.fromarray(pixels).save(path, **options), read_image)


def mask(suffix: str) -> Format:
    return one(f"mask.{suffix}", MASK, read_labels)


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


def folder(content: Mapping[str, Any], *damaged: str, opened: str = "") -> Format:
    """A data set: its files (see `strangers.write`), patterns of those to damage, and what is opened."""

    def make(root: Path) -> list[Path]:
        strangers.write(root, content)
        return [sorted(root.glob(pattern))[0] for pattern in damaged]

    return Format(make, lambda root: samples(root / opened))


def classes(name: str, content: Any) -> Format:
    return folder(PAIRS | {name: content}, name)


def layout(name: str, *damaged: str) -> Format:
    return folder(strangers.LAYOUTS[name], *damaged)


PAIRS = {"images/{a,b,c}.jpg": PIXELS, "masks/{a,b,c}.png": MASK}
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


def drawn() -> dict[str, Any]:
    content = coco_content()
    for one in [*content["images"], *content["annotations"]]:
        one["seconds"] = 2.5
    return content


def read_drawn(path: Path) -> None:
    read_coco(path)
    before = path.read_bytes()
    file = DrawnFile(path, "polygons", ("fish", "weed"))
    try:
        file.save([*file.images.values()])
    finally:
        path.write_bytes(before)


COCO = {"images/{0,1,2}.jpg": PIXELS, "some.json": coco_content()}
YOLO = {
    "images/{a,b,c}.jpg": PIXELS,
    "labels/{a,b,c}.txt": "0 0.1 0.1 0.5 0.1 0.5 0.5\n1 0.5 0.5 0.9 0.5 0.9 0.9\n",
    "data.yaml": "path: .\ntrain: images\nnames:\n  0: fish\n  1: weed\n",
}
SHAPES = [
    {"label": "fish", "points": [[1, 1], [8, 1], [8, 8]], "shape_type": "polygon", "group_id": None},
    {"label": "weed", "points": [[9, 9], [14, 11]], "shape_type": "rectangle", "group_id": 1},
]
LABELME = {
    f"{name}.json": {"version": "5.0", "shapes": SHAPES, "imagePath": f"{name}.jpg", "imageData": None,
                     "imageHeight": 12, "imageWidth": 16} for name in "abc"
} | {"{a,b,c}.jpg": PIXELS}  # fmt: skip
VOC = {
    "JPEGImages/2007_{0,1,2}.jpg": PIXELS,
    "Segmentation{Class,Object}/2007_{0,1,2}.png": MASK,
    "ImageSets/Segmentation/{train,val}.txt": "2007_0\n2007_1\n2007_2\n",
}
PETS = {
    "images/beagle_{0,1,2,3}.jpg": PIXELS,
    "annotations/trimaps/beagle_{0,1,2,3}.png": MASK + 1,
    "annotations/{trainval,test}.txt": "".join(f"beagle_{number} 1 2 1\n" for number in range(4)),
}


def segmenter(path: Path) -> None:
    torch.manual_seed(0)
    FCNSegmenter(FCN(load_backbone("small"), 3, stride=8), CLASSES, size=(32, 48)).save(path)


def region_segmenter(path: Path) -> None:
    torch.manual_seed(0)
    features = RegionFeatures(load_backbone("small"), foreground=load_backbone("small"), size=32)
    one = RegionSegmenter(CLASSES, features=features, kind="full", number=9)
    one.svms = LinearSVMs(torch.randn(len(CLASSES), 256), torch.zeros(len(CLASSES)))
    one.save(path)


def predicted(kind: type[FCNSegmenter] | type[RegionSegmenter]) -> Callable[[Path], object]:
    return lambda path: kind.load(path).predict(torch.from_numpy(PIXELS).permute(2, 0, 1).contiguous())


class Linear(torch.nn.Module):
    """The smallest net."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.scores = torch.nn.Conv2d(3, len(Scenes(1).classes), 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scores(images.float() / 255)


def steps(path: Path, number: int) -> None:
    options: dict[str, Any] = {"batch_size": 1, "seed": 0, "precision": "float32", "checkpoint": path}
    for _ in train(Linear(), Scenes(2, size=(16, 16)), steps=number, **options):
        pass


def resumed(path: Path) -> None:
    before = path.read_bytes()
    try:
        steps(path, 2)
    finally:
        path.write_bytes(before)


PROGRESS = {
    "checks": {"02.1": {"attempts": 2, "right": True}}, "hints": {"02.1": {"shown": 1}},
    "predictions": {"02.p1": {"guess": 0.5, "value": 0.25, "late": False}},
    "quiz": {"1": {"first": 1, "tries": 2, "right": True}},
}  # fmt: skip
ROW = board.Row("net", "fcn", 0.5, 0.4, 0.3, 10.0, 0.1, weights=1000, peak_bytes=10**6, minutes=4.0)
BOARD = dict.fromkeys(board.TEXTS, "text") | {"format": board.FORMAT, "rows": [asdict(ROW)]}
TENSORS = {"weights": {"a": torch.ones(2, 3)}, "names": ["x"], "rate": 0.5}


def at_home(folder: Path) -> None:
    os.environ["SEGLIB_HOME"] = os.environ["SEGLIB_CACHE"] = str(folder)


def read_progress(path: Path) -> None:
    at_home(path.parents[1])
    store.read("02")


def read_prices(path: Path) -> None:
    at_home(path.parent)
    budget.budget()


def keep_results(path: Path) -> None:
    at_home(path.parent)
    cache.save("key", {"a": np.arange(6).reshape(2, 3)})


def look_up(path: Path) -> None:
    at_home(path.parent)
    cache.load("key")
    cache.save("other", {"a": np.arange(3)})


FORMATS = {
    "png": image("png"), "png, 16 bits": image("png", PIXELS[..., 0].astype(np.uint16) * 200),
    "jpeg": image("jpg"), "tiff": image("tif"), "tiff, packed": image("tif", compression="tiff_lzw"),
    "gif": image("gif"), "bmp": image("bmp"), "webp": image("webp"), "ppm": image("ppm"),
    "mask png": mask("png"), "mask tiff": mask("tif"), "mask gif": mask("gif"), "mask bmp": mask("bmp"),
    "folder": folder(PAIRS, "masks/b.png", "images/a.jpg"),
    "classes.json": classes("classes.json", VALUES),
    "classes.json, colours": classes("classes.json", COLORS),
    "classes.txt": classes("classes.txt", "background\nfish\nweed\n"),
    "classes.txt, colours": classes("classes.txt", "sea 0 0 0\nfish 9 9 9\nweed 1 2 3\n"),
    "coco": folder(COCO, "some.json", opened="some.json"),
    "drawn": one("drawn.json", drawn(), read_drawn),
    "yolo": folder(YOLO, "labels/a.txt", "data.yaml"), "labelme": folder(LABELME, "a.json"),
    "voc": folder(VOC, "*/*/train.txt", "*/*/val.txt", "SegmentationObject/2007_0.png"),
    "pets": folder(PETS, "annotations/trainval.txt", "annotations/test.txt"),
    "segmenter": one("net.pt", segmenter, predicted(FCNSegmenter)),
    "checkpoint": one("run.pt", lambda path: steps(path, 1), resumed),
    "tensors": one("some.pt", lambda path: files.write(path, TENSORS), files.read),
    "progress": one("progress/02.json", PROGRESS, read_progress),
    "board": one("board.json", BOARD, board.read),
    "prices": one("prices.json", {"box": 6.5, "mask": 40.0, "objects": 12}, read_prices),
    "cache": one("cache.sqlite", keep_results, look_up),
    "region segmenter": one("regions.pt", region_segmenter, predicted(RegionSegmenter)),
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
    content = copy.deepcopy(content)
    found = [(box, key) for box, key in places(content) if isinstance(box[key], torch.Tensor)]
    if found and rng.random() < 0.4:
        box, key = rng.choice(found)
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
