"""Rounds: what is trained on what, when they stop, and that a stopped run resumes to the same result."""

import math
import multiprocessing
import signal
import sys
from functools import wraps
from itertools import islice

import pytest
import torch

from seglib.files import TensorFileError
from seglib.labels import VOID
from seglib.train import train
from seglib.weak import rounds as module
from seglib.weak.cleaning import naive
from seglib.weak.rounds import Round, changed_share, rounds
from seglib.weak.schemes import pseudo_labels
from tests.refused import refused
from tests.weak.samples import SHORT, Blobs, Discs, TinyNet, train_and_die

TWO = {"max_rounds": 2, "min_change": 0, **SHORT}


@pytest.fixture(scope="module")
def boxes():
    return pseudo_labels(Blobs(), "rectangles")


def nothing(image, probabilities, annotations, number, initial):
    """A relabelling that loses every object."""
    return torch.zeros(16, 16, dtype=torch.uint8)


def same_weights(one: Round, other: Round) -> bool:
    states = [found.segmenter.net.state_dict().values() for found in (one, other)]
    return all(map(torch.equal, *states))


def test_rounds_make_rectangles_squares(boxes):
    first, second = islice(rounds(TinyNet, boxes, max_rounds=3, min_change=0, **SHORT), 2)
    assert first.labels is boxes and math.isnan(first.changed)
    assert first.quality.filled.iou[1] == pytest.approx(36 / 48)  # the boxes are 6 x 8, the squares 6 x 6
    assert second.quality.filled.mean_iou > 0.95
    assert second.changed == pytest.approx(changed_share(second.labels, boxes)) and second.changed > 0.03
    assert "round 1, labels: mean IoU" in str(second)


def test_naive_recursion_takes_the_prediction(boxes):
    first, second = rounds(TinyNet, boxes, relabel=naive, **TWO)
    predicted = first.segmenter.predict(boxes[1][0])
    assert torch.equal(second.labels.mask(1).long(), predicted)
    assert second.why == "no more than 2 were asked for" and not first.why


def test_fresh_nets_begin_with_the_same_weights_and_one_net_is_trained_further(boxes):
    only = boxes.subset([0])
    fresh = list(rounds(TinyNet, only, relabel=lambda *_: boxes.mask(0), **TWO))
    assert fresh[0].segmenter.net is not fresh[1].segmenter.net and same_weights(fresh[0], fresh[1])
    net = TinyNet()
    before = torch.random.get_rng_state()
    going = rounds(net, only, relabel=lambda *_: boxes.mask(0), **TWO)
    bias = next(going).segmenter.net.look.bias.clone()
    assert next(going).segmenter.net is net and not torch.equal(net.look.bias, bias)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_stops_where_hardly_a_label_changes(boxes):
    (last,) = rounds(TinyNet, boxes.subset([0]), relabel=lambda *_: boxes.mask(0), max_rounds=9, **SHORT)
    assert last.why == "0.00 % of the pixels would change, less than 0.2 %"


@pytest.mark.parametrize("boxed", [True, False])
def test_stops_where_validation_does_not_improve(boxes, boxed):
    val = Blobs(2, boxed=boxed, split="val")
    first, last = rounds(TinyNet, boxes, relabel=nothing, max_rounds=9, val=val, **SHORT)
    assert last.scores.mean_iou < first.scores.mean_iou and (last.val_label_quality is not None) == boxed
    what = "the labels from its net have" if boxed else "its net has"
    assert f"on the validation images {what}" in last.why


def test_continues_while_the_labels_of_validation_improve_although_the_net_does_not(boxes):
    def relabel(image, probabilities, one, number, initial):
        """First nothing, after that the squares themselves."""
        return ((image[0] > 100) & (number > 1)).to(torch.uint8)

    val = Blobs(2, split="val")
    first, second, third = rounds(TinyNet, boxes, relabel=relabel, val=val, **TWO | {"max_rounds": 9})
    assert second.scores.mean_iou < first.scores.mean_iou
    assert first.val_label_quality.filled.iou[1] == 0 and second.val_label_quality.filled.mean_iou == 1
    assert "the labels from its net have 100.0 %, not more than 100.0 % before" in third.why
    assert "labels from it: mean IoU 100.0 %" in str(second)


def test_kept_labels_stay_and_without_truth_there_is_no_quality(boxes):
    mixed = boxes.relabelled([mask for _, mask in Blobs()], "true masks")
    *_, last = rounds(TinyNet, mixed, relabel=nothing, fixed=[2], **TWO)
    assert torch.equal(last.labels.mask(2), Blobs()[2][1]) and not last.labels.mask(1).any()
    labels = pseudo_labels(Blobs(2, known=False), "rectangles")
    (one,) = rounds(TinyNet, labels, max_rounds=1, **SHORT)
    assert one.quality is None
    assert str(one) == "round 0. This was the last round: no more than 1 were asked for"


def test_rules_know_the_labels_of_the_first_round_and_those_of_validation_by_the_same_scheme():
    cores, seen = pseudo_labels(Blobs(), "box-i"), []

    def watch(image, probabilities, one, number, initial):
        seen.append((number, initial))
        return probabilities.argmax(0).byte()

    val = Blobs(2, split="val")
    list(rounds(TinyNet, cores, relabel=watch, val=val, **TWO | {"max_rounds": 3, "steps": 2}))
    on_val = pseudo_labels(val, "box-i")
    firsts = [cores.mask(i) for i in range(4)], [on_val.mask(i) for i in range(2)]
    assert {number for number, _ in seen} >= {1, 2}
    for _, initial in seen:
        assert any(torch.equal(initial, mask) for mask in (*firsts[0], *firsts[1])) and VOID in initial


def test_resumes_between_rounds(boxes, tmp_path, monkeypatch):
    kind = {"val": Blobs(2, split="val"), "folder": tmp_path / "one", **TWO}
    whole = list(rounds(TinyNet, boxes, **kind | {"folder": None}))
    next(rounds(TinyNet, boxes, **kind))  # labels of round 1 are made, its training has not begun
    trained = []

    @wraps(train)
    def counted(*given, **settings):
        trained.append(1)
        return train(*given, **settings)

    monkeypatch.setattr(module, "train", counted)
    again = list(rounds(TinyNet, boxes, **kind))
    assert len(trained) == 1 and len(again) == len(whole) == 2
    for one, other in zip(whole, again):
        assert same_weights(one, other) and changed_share(one.labels, other.labels) == 0
        assert str(one.quality) == str(other.quality) and other.why == one.why
        assert str(one.val_label_quality) == str(other.val_label_quality)
        assert torch.equal(one.scores.confusion, other.scores.confusion)
    assert not list(tmp_path.rglob("training*"))


def test_resumes_inside_a_round(boxes, tmp_path, monkeypatch):
    (whole,) = rounds(TinyNet, boxes, max_rounds=1, **SHORT)

    def broken(steps, what):
        for step in steps:
            if step.number == 10:
                steps.close()
                raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(module, "finish", broken)
        list(rounds(TinyNet, boxes, max_rounds=1, folder=tmp_path, **SHORT))
    assert (tmp_path / "training00.pt").exists()
    seen = []
    monkeypatch.setattr(module, "finish", lambda steps, what: seen.extend(step.number for step in steps))
    (again,) = rounds(TinyNet, boxes, max_rounds=1, folder=tmp_path, **SHORT)
    assert seen[0] == 11 and same_weights(whole, again)


@pytest.mark.skipif(sys.platform == "win32", reason="forkserver: not on Windows")
@pytest.mark.parametrize("steps", [10, 35])
def test_killed_in_any_round_it_resumes_to_the_same_weights(steps, tmp_path):
    context = multiprocessing.get_context("forkserver")  # a fork of this process could have no threads
    child = context.Process(target=train_and_die, args=(steps, tmp_path))  # of 25 in each round
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert [path.name for path in tmp_path.glob("training*.pt")] == [f"training{steps // 25:02}.pt"]
    assert same_weights(train_and_die(None, None), train_and_die(None, tmp_path))


def test_a_folder_of_other_rounds_is_refused(boxes, tmp_path):
    next(rounds(TinyNet, boxes, max_rounds=1, folder=tmp_path, **SHORT))
    with pytest.raises(TensorFileError, match=r"they had steps 25; these have steps 3; use another folder"):
        rounds(TinyNet, boxes, folder=tmp_path, **SHORT | {"steps": 3})
    with pytest.raises(TensorFileError, match="they had labels"):
        rounds(TinyNet, boxes.relabelled([boxes.mask(0)] * 4, "rectangles"), folder=tmp_path, **SHORT)
    first = lambda *_: boxes.mask(0)  # noqa: E731
    second = lambda *_: boxes.mask(1)  # noqa: E731
    for one, other in ((first, second), (naive, nothing)):  # two lambdas have the same name
        next(rounds(TinyNet, boxes, relabel=one, folder=tmp_path / one.__name__, **SHORT))
        with pytest.raises(TensorFileError, match="they had relabel"):
            rounds(TinyNet, boxes, relabel=other, folder=tmp_path / one.__name__, **SHORT)
    (tmp_path / "round00.pt").write_bytes(b"PK")
    with pytest.raises(TensorFileError, match=r"round00.pt is cut off, damaged"):
        list(rounds(TinyNet, boxes, folder=tmp_path, **SHORT))


def test_the_net_labels_at_label_scale_and_trains_at_size(boxes):
    seen = []

    class Watched(TinyNet):
        def forward(self, images):
            seen.append((self.training, tuple(images.shape[2:])))
            return super().forward(images)

    list(rounds(Watched, boxes, max_rounds=2, min_change=0, label_scale=1.5, size=(32, 32), **SHORT))
    assert {size for training, size in seen if training} == {(32, 32)}
    assert (48, 48) in {size for training, size in seen if not training}


test_a_wrong_argument_is_refused_before_the_first_round = refused(
    lambda change: rounds(TinyNet, **{"labels": pseudo_labels(Blobs(), "rectangles")} | SHORT | change),
    ({"label_scale": 0}, "label_scale must be above 0, not 0"),
    ({"max_rounds": 0}, "max_rounds must be at least 1, not 0"),
    ({"min_change": 2}, r"min_change must be 0\.\.1, .* not 2"),
    ({"fixed": [4]}, "there is no image 4"),
    ({"speed": 3}, "does not pass 'speed' on to train; it passes steps"),
    ({"checkpoint": "x"}, "does not pass 'checkpoint' on to train"),
    ({"labels": Blobs()}, r"labels is a Blobs; pass what pseudo_labels\(dataset, ...\) made"),
    ({"val": Blobs(0, split="val")}, "blobs val has no images"),
    ({"val": Discs(2, split="val")}, r"discs val has the classes background, disc.* must be the same"),
)
