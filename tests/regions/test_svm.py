"""The SVMs: against scikit-learn, and on hand-made regions that only hard negatives can tell apart."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from seglib.regions import svm as module
from seglib.regions.features import RegionExamples
from seglib.regions.svm import NEGATIVE_IOU, LinearSVMs, Miner, fit_svm, train_svms

WIDTH = 8


def images(number: int = 12, seed: int = 0) -> list[RegionExamples]:
    """One object each, of class 1 or 2 in turn; a class's features lie about an axis of its own.

    Of 40 proposals the first overlaps the object, the last five look like it but are somewhere else.
    """
    rng = torch.Generator().manual_seed(seed)

    def image(kind: int) -> RegionExamples:
        rows = torch.randn(41, WIDTH, generator=rng)
        rows[[0, 40], kind] += 8
        rows[35:40, kind] += 5
        rows[35:40, 5] += 2
        overlaps = torch.zeros(41, 1)
        overlaps[[0, 1, 40], 0] = torch.tensor([0.8, 0.3, 1.0])
        return RegionExamples(lambda: rows, overlaps, torch.tensor([kind]))

    return [image(1 + number % 2) for number in range(number)]


def wrong(svms: LinearSVMs, examples: list[RegionExamples]) -> int:
    """The number of negatives that the SVMs of the two classes take for objects."""
    return sum(
        int(((image.overlap_with(kind) < NEGATIVE_IOU) & (svms.scores(image.read())[:, kind] > 0)).sum())
        for image in examples
        for kind in (1, 2)
    )


def test_one_svm_is_scikit_learns_with_the_settings_of_sds():
    rng = np.random.default_rng(0)
    positives, negatives = rng.normal(1, 1, (30, 5)), rng.normal(-1, 1, (60, 5))
    theirs = LinearSVC(C=1e-3, loss="hinge", class_weight={1: 2}, intercept_scaling=10, random_state=0)
    theirs.fit(np.concatenate([positives, negatives]) * 3.0, [1] * 30 + [0] * 60)
    weights, bias = fit_svm(torch.tensor(positives).float(), list(torch.tensor(negatives).float()), 3.0, 0)
    ours = torch.tensor(positives).float() @ weights + bias  # on features that are not scaled
    assert np.allclose(ours, theirs.decision_function(positives * 3.0), atol=1e-3)


def test_objects_score_above_other_regions():
    svms = train_svms(images(), 3)
    for image in images(seed=1):
        kind, scores = int(image.classes), svms.scores(image.read())
        assert int(scores[40].argmax()) == kind and scores[40, kind] > scores[2:40, kind].max()


def test_hard_negatives_leave_fewer_wrong(monkeypatch):
    monkeypatch.setattr(module, "PER_IMAGE", 1)
    examples = images(30)
    miner = Miner(examples, 3)
    before = miner.start()
    after, new = miner.add_hard_negatives(before)
    assert new > 0 and wrong(after, examples) < wrong(before, examples)


def test_a_negative_on_the_margin_is_hard_and_one_below_is_not():
    rows = torch.tensor([[-1.0], [-1.001], [5.0], [1.0]])
    overlaps = torch.tensor([[0.0], [0.0], [NEGATIVE_IOU], [1.0]])
    miner = Miner([RegionExamples(lambda: rows, overlaps, torch.tensor([0]))], 1)
    miner.add_hard_negatives(LinearSVMs(torch.ones(1, 1), torch.zeros(1)))
    assert set(miner.negatives[0]) == {(0, 0)}


def test_memory_is_bounded_and_the_hardest_stay(monkeypatch):
    examples = images()
    miner = Miner(examples, 3)
    svms = miner.start()
    scores = [svms.scores(image.read()) for image in examples]
    expected = []
    for kind in (1, 2):
        known = set(miner.negatives[kind])
        for number, image in enumerate(examples):
            hard = (image.overlap_with(kind) < NEGATIVE_IOU) & (scores[number][:, kind] >= -1)
            known |= {(number, row) for row in hard.nonzero()[:, 0].tolist()}
        expected.append(sorted(known, key=lambda key: -scores[key[0]][key[1], kind])[:7])
    monkeypatch.setattr(module, "MAX_NEGATIVES", 7)
    miner.add_hard_negatives(svms)
    assert [set(miner.negatives[kind]) for kind in (1, 2)] == [set(keys) for keys in expected]


def test_the_first_negatives_do_not_grow_with_the_images(monkeypatch):
    monkeypatch.setattr(module, "MAX_NEGATIVES", 24)
    for number, per_image in ((4, 6), (20, 1)):
        miner = Miner(images(number), 3)
        miner.start()
        others = number // 2  # objects of the other class: always negatives
        for kind, known in miner.negatives.items():
            assert per_image * number <= len(known) <= per_image * number + others
            assert all(miner.images[one].overlap_with(kind)[row] < NEGATIVE_IOU for one, row in known)
            assert 40 in {row for one, row in known if int(miner.images[one].classes) != kind}


def test_the_update_takes_the_best_proposal_near_the_object_or_its_true_region():
    near, none = images(2)
    none = replace(none, overlaps=none.overlaps * torch.tensor([0.5] * 40 + [1.0])[:, None])
    miner = Miner([near, none], 3)
    assert torch.equal(miner.positives[1][0], near.read()[40])  # at first the true region
    miner.update_positives(miner.start())
    assert torch.equal(miner.positives[1][0], near.read()[0])
    assert torch.equal(miner.positives[2][0], none.read()[40])


def test_a_class_without_objects_scores_minus_infinity_and_a_seed_fixes_the_rest():
    svms = train_svms(images(), 5, seed=3)
    again = train_svms(images(), 5, seed=3)
    assert torch.equal(svms.weights, again.weights) and torch.equal(svms.bias, again.bias)
    assert svms.bias[[0, 3, 4]].tolist() == [-math.inf] * 3 and torch.isfinite(svms.bias[[1, 2]]).all()
    assert not svms.scores(images()[0].read()).isnan().any()
    empty = RegionExamples(lambda: torch.zeros(4, WIDTH), torch.zeros(4, 0), torch.zeros(0, dtype=torch.long))
    with pytest.raises(ValueError, match=r"no object to learn from in 2 "):
        train_svms([empty, empty], 3)
    rows = torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(0))
    full = RegionExamples(lambda: rows, torch.ones(3, 1), torch.tensor([0]))  # without negatives, all score 1
    assert train_svms([full], 1).scores(rows).flatten().tolist() == [1.0] * 3
