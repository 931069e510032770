"""The segmenter that boxes taught: fit, predict, save, load."""

from __future__ import annotations

import multiprocessing
import signal
import sys

import pytest
import torch
from torch import nn

from seglib import backbones
from seglib.evaluate import evaluate
from seglib.fcn import FCN, UNet
from seglib.files import TensorFileError
from seglib.labels import Classes
from seglib.weak.given import Given
from seglib.weak.mixed import with_masks
from seglib.weak.rectangles import rectangles
from seglib.weak.schemes import pseudo_labels
from seglib.weak.segmenter import WeakSegmenter
from tests.weak.killed import SHORT, fit_and_die
from tests.weak.tiny import CLASSES, Blobs, TinyNet


@pytest.fixture(scope="module")
def fitted() -> WeakSegmenter:
    return WeakSegmenter(TinyNet, CLASSES, scheme="rectangles", most=2, still=0, **SHORT).fit(Blobs())


def test_boxes_teach_masks(fitted):
    scores = evaluate(fitted, Blobs(3, split="test"))
    assert scores.name == "boxes, rectangles" and scores.mean_iou > 0.9
    assert [one.number for one in fitted.rounds] == [0, 1] and not fitted.net.training


def test_saved_and_loaded_it_says_the_same(fitted, tmp_path):
    fitted.save(tmp_path / "weak.pt")
    for net in (TinyNet, TinyNet()):
        loaded = WeakSegmenter.load(tmp_path / "weak.pt", net)
        assert loaded.name == fitted.name and loaded.classes == fitted.classes
        image = Blobs()[1][0]
        assert torch.equal(loaded.predict(image), fitted.predict(image))


def test_the_best_round_is_kept():
    wrong = lambda image, probabilities, one, number: torch.zeros(16, 16, dtype=torch.uint8)  # noqa: E731
    for net in (TinyNet, TinyNet()):  # fresh in each round, or the same one all along
        weak = WeakSegmenter(net, CLASSES, scheme="rectangles", most=3, relabel=wrong, **SHORT)
        val = Blobs(2, split="val")
        weak.fit(Blobs(), val=val)
        first, second = (one.scores.mean_iou for one in weak.rounds)
        assert evaluate(weak, val).mean_iou == pytest.approx(first) and first > second


def test_given_boxes_and_given_labels_are_used():
    nothing = [Given(torch.zeros(0, 4).long(), torch.zeros(0).long())] * 4
    weak = WeakSegmenter(TinyNet, CLASSES, scheme=rectangles, **SHORT).fit(Blobs(), boxes=nothing)
    assert weak.name == "boxes, rectangles" and not weak.rounds[0].labels.mask(0).any()
    mixed = with_masks(pseudo_labels(Blobs(), "rectangles"), 2, seed=0)
    assert WeakSegmenter(TinyNet, CLASSES, **SHORT).fit(mixed).rounds[0].labels is mixed


def test_goes_on_from_its_folder(tmp_path):
    weak = [
        WeakSegmenter(TinyNet, CLASSES, scheme="rectangles", **SHORT).fit(Blobs(), folder=tmp_path)
        for _ in range(2)
    ]
    assert torch.equal(weak[0].net.look.weight, weak[1].net.look.weight)


@pytest.mark.parametrize("build", [lambda small: FCN(small, 2, stride=8), lambda small: UNet(small, 2)])
def test_any_net_that_fcn_builds_is_taken(build, tmp_path):
    def make_net() -> nn.Module:
        return build(backbones.load("small", pretrained=False))

    kind = {"scheme": "rectangles", "steps": 2, "batch_size": 2}
    weak = WeakSegmenter(make_net, CLASSES, most=2, still=0, **kind).fit(Blobs(2))
    weak.save(tmp_path / "weak.pt")
    loaded = WeakSegmenter.load(tmp_path / "weak.pt", make_net)
    assert len(weak.rounds) == 2 and torch.equal(loaded.predict(Blobs()[0][0]), weak.predict(Blobs()[0][0]))


@pytest.mark.skipif(sys.platform == "win32", reason="forkserver: not on Windows")
@pytest.mark.parametrize("steps", [10, 35])
def test_killed_in_any_round_it_goes_on_to_the_same_weights(steps, tmp_path):
    context = multiprocessing.get_context("forkserver")  # a fork of this process could have no threads
    child = context.Process(target=fit_and_die, args=(steps, tmp_path))  # of 25 in each round
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert [path.name for path in tmp_path.glob("training*.pt")] == [f"training{steps // 25:02}.pt"]
    whole, again = fit_and_die(None, None), fit_and_die(None, tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(whole.net.parameters(), again.net.parameters()))


def test_what_is_wrong_is_said(fitted, tmp_path):
    with pytest.raises(ValueError, match="has learned nothing yet; call fit"):
        WeakSegmenter(TinyNet, CLASSES, **SHORT).predict(Blobs()[0][0])
    with pytest.raises(ValueError, match="this segmenter is made for background, cat"):
        WeakSegmenter(TinyNet, Classes.of("background", "cat"), **SHORT).fit(Blobs())
    fitted.save(path := tmp_path / "weak.pt")
    with pytest.raises(TensorFileError, match=r"weak.pt is of another net; give one like it. Missing key"):
        WeakSegmenter.load(path, nn.Conv2d(3, 2, 1))
    with pytest.raises(FileNotFoundError, match="no such file"):
        WeakSegmenter.load(tmp_path / "nowhere.pt", TinyNet)
    torch.save({"format": "something"}, tmp_path / "other.pt")
    with pytest.raises(TensorFileError, match="no segmenter that was taught by boxes"):
        WeakSegmenter.load(tmp_path / "other.pt", TinyNet)
