"""A key for what was measured on a sample: a hash of everything the measurement can depend on.

That is this library's code, the data set's settings, and the bytes of the sample's file. Nothing goes by name
or date alone, so a measurement that is found by its key can be missing but not stale.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache, singledispatch
from pathlib import Path
from typing import Literal

import cv2
import joblib
import numpy as np
import PIL
import torch

import seglib
from seglib.data.coco import Coco
from seglib.data.dataset import SegmentationDataset
from seglib.data.files import FileDataset
from seglib.data.photographs import Voc
from seglib.scenes import Scenes

Part = Literal["image", "mask"]
PER_SAMPLE = ("samples", "images", "objects")  # attributes that `_content` looks at, sample by sample


def fingerprints(dataset: SegmentationDataset, what: str, part: Part) -> Callable[[int], bytes | None]:
    """For each sample a key that changes with anything that a measurement of it can depend on.

    Args:
        dataset: whose samples are measured.
        what: the name of the measurement.
        part: whether it looks at the sample's image or its mask (with the objects).

    Returns:
        index -> 16 bytes; None where the content cannot be known without reading the sample, as in a data set
        of one's own class: its rows are not kept.
    """
    settings: dict[int, str] = {}

    def key(index: int) -> bytes | None:
        source, number = dataset.origin(index)
        if not type(source).__module__.startswith("seglib."):
            return None
        try:
            content = _content(source, number, part)
        except OSError:  # whoever reads the sample says it better
            return None
        if content is None:
            return None
        if id(source) not in settings:
            settings[id(source)] = _settings(source)
        head = f"{_code()} {what} {settings[id(source)]} {number} "
        return hashlib.blake2b(head.encode() + content, digest_size=16).digest()

    return key


@singledispatch
def _content(dataset: SegmentationDataset, index: int, part: Part) -> bytes | None:
    """All bytes that sample `index` is made from, beside settings and code."""
    return None


@_content.register
def _(dataset: FileDataset, index: int, part: Part) -> bytes | None:
    sample = dataset.samples[index]
    return Path(getattr(sample, part)).read_bytes()


@_content.register
def _(dataset: Voc, index: int, part: Part) -> bytes | None:
    sample = dataset.samples[index]
    objects = dataset.objects / f"{sample.id}.png"
    extra = objects.read_bytes() if part == "mask" and objects.is_file() else b""
    return Path(getattr(sample, part)).read_bytes() + extra


@_content.register
def _(dataset: Coco, index: int, part: Part) -> bytes | None:
    entry = dataset.images[index]
    image = dataset.folder / entry["file_name"]  # for a mask too: its rotation is the image's
    return json.dumps([entry, dataset.objects.get(entry["id"], [])]).encode() + image.read_bytes()


@_content.register
def _(dataset: Scenes, index: int, part: Part) -> bytes | None:
    return b""  # drawn from settings and code alone


def _settings(dataset: SegmentationDataset) -> str:
    """A hash of a data set's class and attributes."""
    kept = {name: value for name, value in vars(dataset).items() if name not in PER_SAMPLE}
    return f"{type(dataset).__qualname__} {dataset.split} {joblib.hash([dataset.classes, kept])}"


@cache
def _code() -> str:
    """A hash of this library's code and the versions of what it reads and draws with."""
    digest = hashlib.blake2b(
        repr([np.__version__, cv2.__version__, PIL.__version__, torch.__version__]).encode()
    )
    for path in sorted(Path(seglib.__file__).parent.glob("*.py")) + sorted(
        Path(__file__).parent.glob("*.py")
    ):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
