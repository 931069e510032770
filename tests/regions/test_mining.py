"""The SVMs: against scikit-learn, and against hand-made regions that only hard negatives can tell apart."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from seglib.regions.examples import Examples
from seglib.regions.svm import FAR, LinearSVMs, Miner, one_svm, train_svms

WIDTH = 8


def images(number: int = 12, seed: int = 0) -> list[Examples]:
    """One object each, of class 1 or 2 in turn; a class's features lie about an axis of its own.

    Of 40 proposals the first overlaps the object, the last five look like it but are somewhere else.
    """
    rng = torch.Generator().manual_seed(seed)

    def image(kind: int) -> Examples:
        rows = torch.randn(41, WIDTH, generator=rng)
        rows[[0, 40], kind] += 8
        rows[35:40, kind] += 5
        rows[35:40, 5] += 2
        overlaps = torch.zeros(41, 1)
        overlaps[[0, 1, 40], 0] = torch.tensor([0.8, 0.3, 1.0])
        return Examples(lambda: rows, overlaps, torch.tensor([kind]))

    return [image(1 + number % 2) for number in range(number)]


def wrong(svms: LinearSVMs, examples: list[Examples]) -> int:
    """How many negatives the SVMs of the two classes take for objects."""
    return sum(
        int(((image.overlap_with(kind) < FAR) & (svms.scores(image.read())[:, kind] > 0)).sum())
        for image in examples
        for kind in (1, 2)
    )


def test_one_svm_is_scikit_learns_with_the_settings_of_sds() -> None:
    rng = np.random.default_rng(0)
    positives, negatives = rng.normal(1, 1, (30, 5)), rng.normal(-1, 1, (60, 5))
    theirs = LinearSVC(C=1e-3, loss="hinge", class_weight={1: 2}, intercept_scaling=10, random_state=0)
    theirs.fit(np.concatenate([positives, negatives]) * 3.0, [1] * 30 + [0] * 60)
    weights, bias = one_svm(torch.tensor(positives).float(), list(torch.tensor(negatives).float()), 3.0, 0)
    ours = torch.tensor(positives).float() @ weights + bias  # on features that are not scaled
    assert np.allclose(ours, theirs.decision_function(positives * 3.0), atol=1e-3)


def test_objects_score_above_the_rest() -> None:
    svms = train_svms(images(), 3)
    for image in images(seed=1):
        kind, scores = int(image.classes), svms.scores(image.read())
        assert int(scores[40].argmax()) == kind and scores[40, kind] > scores[2:40, kind].max()


def test_hard_negatives_leave_fewer_wrong() -> None:
    examples = images(30)
    miner = Miner(examples, 3)
    before = miner.first(each=1)
    after, new = miner.round(before)
    assert new > 0 and wrong(after, examples) < wrong(before, examples)


def test_no_region_near_an_object_becomes_a_negative() -> None:
    examples = images(6)
    miner = Miner(examples, 3)
    miner.first(each=10)
    for kind in (1, 2):
        for image, row in miner.negatives[kind]:
            assert examples[image].overlap_with(kind)[row] < FAR
    other = {row for image, row in miner.negatives[2] if int(examples[image].classes) == 1}
    assert 40 in other  # the true regions of class 1 are negatives of class 2, always


def test_memory_is_bounded_and_keeps_the_hardest() -> None:
    miner = Miner(images(), 3, most=7)
    svms, _ = miner.round(miner.first())
    assert max(len(known) for known in miner.negatives) == 7 and torch.isfinite(svms.weights).all()


def test_the_first_negatives_do_not_grow_with_the_images() -> None:
    few, many = (Miner(images(number), 3, most=24) for number in (4, 20))
    few.first(each=6)
    many.first(each=6)
    for miner, each in ((few, 6), (many, 1)):
        others = len(miner.images) // 2  # objects of the other class: always negatives
        by_chance = each * len(miner.images)
        assert all(by_chance <= len(known) <= by_chance + others for known in miner.negatives[1:])


def test_the_update_takes_the_best_proposal_near_the_object_or_its_mask() -> None:
    near, none = images(2)
    none = replace(none, overlaps=none.overlaps * torch.tensor([0.5] * 40 + [1.0])[:, None])
    miner = Miner([near, none], 3)
    miner.update_positives(miner.first())
    assert torch.equal(miner.positives[1][0], near.read()[0])
    assert torch.equal(miner.positives[2][0], none.read()[40])


def test_a_class_without_objects_scores_minus_infinity() -> None:
    svms = train_svms(images(), 5)
    assert svms.bias[[0, 3, 4]].tolist() == [-math.inf] * 3 and torch.isfinite(svms.bias[[1, 2]]).all()
    assert not svms.scores(images()[0].read()).isnan().any()


def test_one_class_whose_objects_fill_every_image_has_nothing_to_be_told_from() -> None:
    rows = torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(0))
    full = Examples(lambda: rows, torch.ones(3, 1), torch.tensor([0]))
    assert train_svms([full], 1).scores(rows).flatten().tolist() == [1.0] * 3


def test_the_same_seed_gives_the_same_svms() -> None:
    one, two = train_svms(images(), 3, seed=3), train_svms(images(), 3, seed=3)
    assert torch.equal(one.weights, two.weights) and torch.equal(one.bias, two.bias)


def test_no_object_at_all_is_said() -> None:
    empty = Examples(lambda: torch.zeros(4, WIDTH), torch.zeros(4, 0), torch.zeros(0, dtype=torch.long))
    with pytest.raises(ValueError, match=r"no object to learn from in 2 .*only background and void"):
        train_svms([empty, empty], 3)


def test_scores_by_hand() -> None:
    svms = LinearSVMs(torch.tensor([[1.0, 0.0], [2.0, -1.0]]), torch.tensor([0.5, -1.0]))
    row = torch.tensor([3.0, 2.0])
    assert svms.scores(row[None])[0].tolist() == [3.5, 3.0]
