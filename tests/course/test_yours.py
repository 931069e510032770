"""Notebook 09's photographs: built-in ones as a phone stores them, or a student's own with what was drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from seglib import backbones
from seglib.course import yours
from seglib.data.dataset import SegmentationDataset
from seglib.data.files import read_image
from seglib.fcn import FCN, FCNSegmenter
from seglib.labels import VOID, Classes
from seglib.scenes import Scenes
from seglib.widgets import Annotator


def test_built_in_photographs_are_stored_turned_and_read_upright(home: Path) -> None:
    album = yours.bring(None, [], "tiny")
    assert len(album) == 20 and album.classes.names == ("background", "animal", "kelp")
    stored = {Image.open(path).size for path in album.files}
    turned = {Image.open(path).getexif().get(274) for path in album.files}
    assert stored == {(640, 480), (480, 640)} and turned == {1, 3, 6, 8}
    assert all(read_image(path).shape == (3, 480, 640) for path in album.files)
    for index in (1, 4):  # turned by a quarter, and as it is: the truth lies on the image
        image, mask = album[index]
        assert image.shape == (3, 240, 320) and mask.shape == (240, 320)
        drawn = yours.BUILT_IN[index][0].float()
        assert (image.float() - drawn).abs().mean() < 25
        objects = album.instances(index)
        assert objects is not None and (mask[objects.masks.any(0)] != 0).all()
    before = [path.stat().st_mtime_ns for path in album.files]
    yours.bring(None, [], "tiny")
    assert [path.stat().st_mtime_ns for path in album.files] == before


def folder_of(path: Path, number: int) -> Path:
    rng = np.random.default_rng(0)
    for index in range(number):
        Image.fromarray(rng.integers(0, 255, (60, 800, 3), np.uint8)).save(path / f"leaf {index}.jpg")
    return path


def test_ones_own_photographs_have_no_labels_until_somebody_draws(tmp_path: Path) -> None:
    album = yours.bring(str(folder_of(tmp_path, 12)), ["background", "leaf"], "tiny")
    image, mask = album[0]
    assert image.shape == (3, 24, 320) and (mask == VOID).all() and album.instances(0) is None
    judges, first, later = yours.parts(album)
    assert (len(judges), len(first), len(later)) == (5, 5, 2) and {*judges, *first, *later} == {*range(12)}
    images = album.subset(first)
    annotator = Annotator(images, classes=album.classes, kind="boxes")
    with pytest.raises(ValueError, match="nothing has been drawn yet: draw on these images above"):
        yours.labels(images, annotator)
    box = {"label": 0, "points": [[10, 2], [30, 20]], "seconds": 2.0}
    drawn = [([], 0.0), ([box], 3.0), ([], 1.0), ([], 0.0), ([], 0.0)]
    annotator.work = [{"objects": objects, "seconds": seconds} for objects, seconds in drawn]
    kept, labels = yours.labels(images, annotator)
    assert kept.names() == [images.sample_id(1), images.sample_id(2)]
    assert [len(one.annotations) for one in labels] == [1, 0]  # the second was looked at: nothing is on it


@pytest.mark.parametrize(
    ("number", "names", "words"),
    [
        (9, ["background", "leaf"], "holds 9 photographs; five judge"),
        (12, ["leaf", "background"], "begin with 'background'"),
        (12, ["background"], "begin with 'background'"),
        (0, ["background", "leaf"], "there is no image in it"),
    ],
)
def test_what_cannot_work_is_said_at_once(tmp_path: Path, number: int, names: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        yours.bring(str(folder_of(tmp_path, number)), names, "tiny")


def test_truth_stands_in_as_boxes_and_as_outlines(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    album = yours.bring(None, [], "tiny")
    images = album.subset(yours.parts(album)[0][:2])
    kept, drawn = yours.labels(images, Annotator(images, classes=album.classes, kind="boxes"))
    objects = images.instances(0)
    assert len(kept) == 2 and objects is not None and torch.equal(drawn[0].boxes(), objects.boxes)
    assert "the truth of the built-in photographs is used" in capsys.readouterr().out
    kept, drawn = yours.labels(images, Annotator(images, classes=album.classes, kind="polygons"))
    for (_, mask), (_, true) in zip(yours.from_outlines(kept, drawn), images, strict=True):
        truth = true.as_subclass(Tensor)
        assert torch.equal(mask.as_subclass(Tensor), truth.masked_fill(truth == VOID, 0))


def test_what_was_trained_on_the_same_labels_is_used_again(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made: list[int] = []

    def make(data: SegmentationDataset) -> FCNSegmenter:
        made.append(len(data))
        return FCNSegmenter(FCN(backbones.load("small"), 2), Classes.of("background", "leaf"))

    one, other = Scenes(2, size=(32, 32)), Scenes(2, size=(32, 32), seed=5)
    for data in (one, other, one, other):
        yours.once("first", data, make)
    assert made == [2, 2] and len([*(tmp_path / "yours").glob("first-*.pt")]) == 2
