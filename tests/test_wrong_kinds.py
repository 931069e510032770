"""Arguments of the wrong kind to public calls: one sentence that says what was expected."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from seglib import boxes, files, losses, metrics
from seglib.course import board
from seglib.data import balance, in_memory
from seglib.data.annotations import AnnotationSet, read_coco, write_coco
from seglib.data.audit import audit
from seglib.data.batches import batches
from seglib.data.catalog import load
from seglib.data.files import read_image, read_labels, write_mask
from seglib.data.folders import pairs
from seglib.data.quality import sharpness
from seglib.data.sampling import class_balanced
from seglib.draw import overlay
from seglib.evaluate import Constant, evaluate
from seglib.export import find_images
from seglib.labels import Classes, describe, shares, to_color
from seglib.regions import RegionSegmenter
from seglib.scenes import Scenes
from seglib.segmenters import NetSegmenter
from seglib.train import train
from seglib.weak.boxes import load_boxes
from seglib.weak.grabcut import grabcut_plus, grabcut_votes
from seglib.weak.labels import compare, quality
from seglib.weak.schemes import pseudo_labels

DATA = Scenes(2, size=(24, 32))
CLASSES, K = DATA.classes, len(DATA.classes)
IMAGE, MASK = (tensor.as_subclass(torch.Tensor) for tensor in DATA[0])
BOX, ONE = torch.tensor([[4, 4, 20, 20]]), torch.tensor([1])
LOGITS, TRUTH = torch.zeros(1, K, 24, 32), MASK[None].long()
NET = torch.nn.Conv2d(3, K, 1)

IMAGES = {
    "a float image": IMAGE / 255, "a grey one": IMAGE[:1], "2D": IMAGE[0], "RGBA": IMAGE[[0, 1, 2, 0]],
    "an array": IMAGE.numpy(), "a batch": IMAGE[None], "a path": "image.png", "nothing": None,
}  # fmt: skip
OF_AN_IMAGE: dict[str, Callable[[Any], Any]] = {
    "grabcut_plus": lambda image: grabcut_plus(image, BOX, ONE),
    "grabcut_votes": lambda image: grabcut_votes(image, BOX, ONE, runs=1),
    "overlay": lambda image: overlay(image, MASK, CLASSES),
}


@pytest.mark.parametrize("call", OF_AN_IMAGE)
@pytest.mark.parametrize("kind", IMAGES)
def test_images(call: str, kind: str) -> None:
    with pytest.raises(ValueError, match=r"image must be a tensor \(3, H, W\) uint8") as raised:
        OF_AN_IMAGE[call](IMAGES[kind])
    assert "\n" not in str(raised.value)


OF_DATA: dict[str, Callable[[Any], Any]] = {
    "evaluate": lambda data: evaluate(Constant(0), data),
    "train": lambda data: next(train(NET, data, steps=1)),
    "count": balance.count, "sharpness": sharpness, "in_memory": in_memory, "audit": audit,
    "batches": lambda data: next(batches(data, batch_size=1)),
    "load_boxes": load_boxes, "pseudo_labels": lambda data: pseudo_labels(data, "rectangles"),
}  # fmt: skip


@pytest.mark.parametrize("call", OF_DATA)
def test_data(call: str) -> None:
    for wrong in (DataLoader(DATA), [(IMAGE, MASK)], IMAGE, "scenes", 3, None):
        with pytest.raises(
            ValueError, match=f"a {type(wrong).__name__} is not a data set with classes; give"
        ):
            OF_DATA[call](wrong)


OF_TENSORS: dict[str, Callable[[Any], Any]] = {
    "pred": lambda pred: metrics.confusion_matrix(pred, MASK, K),
    "mask": lambda mask: metrics.confusion_matrix(MASK, mask, K),
    "pred, boundary": lambda pred: metrics.boundary_counts(pred, MASK, K),
    "cm, mean_iou": metrics.mean_iou, "cm, dice": metrics.dice, "cm, accuracy": metrics.pixel_accuracy,
    "logits": lambda logits: losses.cross_entropy(logits, TRUTH),
    "mask, loss": lambda mask: losses.lovasz_softmax(LOGITS, mask),
    "mask, shares": lambda mask: shares(mask, CLASSES),
    "mask, describe": lambda mask: describe(mask, CLASSES),
    "the mask, to_color": lambda mask: to_color(mask, CLASSES),
    "mask, overlay": lambda mask: overlay(IMAGE, mask, CLASSES),
    "the mask, write": lambda mask: write_mask(Path("never.png"), mask, CLASSES),
    "mask, box": boxes.from_mask, "masks": boxes.from_masks, "boxes": lambda other: boxes.iou(other, BOX),
}  # fmt: skip


@pytest.mark.parametrize("call", OF_TENSORS)
def test_tensors(call: str) -> None:
    for wrong in (MASK.numpy(), MASK.tolist(), None):
        name, kind = call.partition(",")[0], type(wrong).__name__
        with pytest.raises(
            ValueError, match=f"^{name} must be a tensor, not a {kind}; torch.as_tensor makes"
        ):
            OF_TENSORS[call](wrong)


@pytest.mark.parametrize(
    ("call", "wrong", "words"),
    [
        (metrics.iou, torch.ones(3), r"cm must be \(K, K\).* not \(3,\)"),
        (metrics.recall, torch.ones(3, 2), r"cm must be \(K, K\).* not \(3, 2\)"),
        (lambda w: losses.cross_entropy(LOGITS, TRUTH, w), [1.0] * K, "weights"),
        (balance.inverse_frequency, DATA, r"counts must be what count\(dataset\) returns, not a Scenes"),
        (class_balanced, [1, 2], "counts must be what"),
        (lambda c: RegionSegmenter(c), ["a", "b"], r'Classes.of\("background", "fish", ...\), not \['),
        (lambda c: NetSegmenter(NET, c), 3, "not 3"),
        (Constant, "background", "index must be the number of a class"),
        (lambda m: to_color(m, CLASSES), MASK[None], r"a mask must be \(H, W\), not \(1, 24, 32\)"),
        (lambda m: describe(m, CLASSES), MASK[None], r"a mask must be \(H, W\), not \(1, 24, 32\)"),
        (lambda m: write_mask(Path("never.png"), m, CLASSES), MASK[None], r"a mask must be \(H, W\)"),
        (load, 3, "name=3 must be a data set's name or a path"),
        (lambda n: Scenes(n), "3", "length='3' and seed=0 must both be 0 or more"),
        (lambda path: next(train(NET, DATA, steps=1, checkpoint=path)), 3, "checkpoint=3 must be a path"),
        (lambda a: next(train(NET, DATA, steps=1, augment=a)), 3, "augment=3 must be a function"),
        (lambda s: next(train(NET, DATA, steps=1, schedule=s)), 3, "schedule=3 must be a function"),
        (lambda w: next(batches(in_memory(DATA), batch_size=1, weights=w)), "a", "weights must be 2 finite"),
        (lambda scheme: pseudo_labels(DATA, scheme), None, "there is no scheme None"),
        (quality, DATA, "labels must be what pseudo_labels returns, not <"),
        (compare, {}, "there is nothing to compare"),
        (lambda files: pairs(files, files), 3, "each a folder, pattern or list of files, not 3"),
        (find_images, 3, "the path must be text or a Path, not 3"),
    ],
)
def test_the_rest(call: Callable[[Any], Any], wrong: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(wrong)


OF_A_PATH: dict[str, Callable[[Any], Any]] = {
    "read_coco": read_coco, "read_image": read_image, "read_labels": read_labels, "read": files.read,
    "read_json": files.read_json, "read_text": files.read_text, "class board": board.read,
    "find_images": find_images, "pairs": lambda path: pairs([path], [path]),
    "write_mask": lambda path: write_mask(path, MASK, CLASSES),
    "write_coco": lambda path: write_coco(path, AnnotationSet(("fish",), ())),
    "write_text": lambda path: files.write_text(path, ""), "write": lambda path: files.write(path, {}),
}  # fmt: skip


@pytest.mark.parametrize("call", OF_A_PATH)
def test_paths(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text is a path too; what is not a path is said."""
    for wrong in (3, None, b"a.json"):
        with pytest.raises(ValueError, match=r"^the path must be text or a Path, not (3|None|b'a.json')$"):
            OF_A_PATH[call]([wrong] if call == "find_images" else wrong)
    monkeypatch.chdir(tmp_path)
    with suppress(FileNotFoundError, ValueError):  # of a file that is not there, in one sentence
        OF_A_PATH[call]("a.json")


def test_weights_may_be_a_list_or_an_array() -> None:
    for weights in ([1.0, 2.0], np.ones(2)):
        images, _ = next(batches(in_memory(DATA), batch_size=1, weights=weights))
        assert images.shape == (1, 3, 24, 32)
    assert Classes.of("a").names == ("a",)
