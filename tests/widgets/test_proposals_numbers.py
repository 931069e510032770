"""The proposal explorer's numbers by hand and beside the library's: overlap, recall, scores, the paste."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from seglib import draw
from seglib.data.dataset import Instances
from seglib.regions import Proposals, propose
from seglib.regions.recall import recall
from seglib.regions.segmenter import paint, paste, select_regions
from seglib.scenes import Scenes
from seglib.widgets import ProposalExplorer
from seglib.widgets.proposals.stops import counts_down, numbers_up
from tests.widgets.explorers import (
    CLASSES,
    IMAGE,
    LESS,
    PROPOSALS,
    SCORES,
    given,
)


@pytest.fixture
def explorer() -> ProposalExplorer:
    return ProposalExplorer(**given())


@pytest.mark.parametrize(
    ("number", "selected", "region", "overlap"),
    [
        (1, 0, 0, 64 / 192),
        (2, 0, 1, 0.5),
        (3, 0, 2, 1.0),
        (5, 0, 2, 1.0),
        (1, 1, 0, 32 / 192),
        (4, 1, 3, 0.5),
        (5, 1, 3, 0.5),
    ],
)
def test_the_best_region_by_hand(
    explorer: ProposalExplorer, number: int, selected: int, region: int, overlap: float
) -> None:
    explorer.view, explorer.number, explorer.selected = "proposals", number, selected
    assert (explorer.region, explorer.overlap) == (region, pytest.approx(overlap))
    assert (
        f"region {region + 1} fits {['fish', 'crab'][selected]} best: overlap {overlap:.3f}."
        in explorer.says()
    )


def test_recall_by_hand(explorer: ProposalExplorer) -> None:
    explorer.view, explorer.number = "proposals", 4
    assert explorer.says().startswith(
        "The first 4 of 5 proposals find 2 of 2 objects at an overlap of 0.5, 1 at 0.7; "
        "average best overlap 0.750."
    )
    lines = {line["name"]: line["heights"] for line in explorer.data["recall"]["lines"]}
    assert lines["found at 0.5"] == [0, 0.5, 0.5, 1, 1]
    assert lines["found at 0.7"] == [0, 0, 0.5, 0.5, 0.5]
    assert lines["average best overlap"] == [0.25, 0.3333, 0.5833, 0.75, 0.75]


def test_the_paste_is_the_librarys_step_by_step(explorer: ProposalExplorer) -> None:
    explorer.view = "paste"
    order = select_regions(PROPOSALS, SCORES, threshold=0)
    assert order.tolist() == [4, 2, 3] and explorer.painted == 3
    for explorer.painted in range(4):
        expected = paint(PROPOSALS, SCORES, order[: explorer.painted])
        assert torch.equal(explorer.mask, expected)
        if not explorer.painted:
            assert torch.equal(explorer.compose(), draw.overlay(IMAGE, expected, CLASSES))
    assert torch.equal(explorer.mask, paste(PROPOSALS, SCORES, threshold=0))
    assert explorer.says() == "3 of 3: crab, score +1.50, 16 pixels."


def test_what_a_paste_covers_is_told() -> None:
    scores = SCORES.clone()
    scores[1] = torch.tensor([LESS, 0.9, -1.0])  # two superpixels over the crab's
    explorer = ProposalExplorer(**given(scores=scores, view="paste", painted=2))
    assert explorer.says() == "2 of 3: fish, score +0.90, 128 pixels; it covers 64 of crab."
    assert [one["given"] for one in [explorer.data["paste"]]] == [True]


@pytest.mark.parametrize("threshold", [-5.0, 0.45, 9.0])
def test_the_threshold_is_that_of_paste(threshold: float) -> None:
    explorer = ProposalExplorer(**given(threshold=threshold, view="paste"))
    assert torch.equal(explorer.mask, paste(PROPOSALS, SCORES, threshold=threshold))
    if threshold == 9:
        assert explorer.says() == "No region scores more than the threshold, so nothing is pasted."


def test_the_background_is_never_pasted_whatever_it_scores() -> None:
    scores = SCORES.clone()
    scores[:, 0] = 7
    assert torch.equal(ProposalExplorer(**given(scores=scores)).mask, paste(PROPOSALS, SCORES, threshold=0))


def test_scores_of_the_region_on_show(explorer: ProposalExplorer) -> None:
    explorer.view, explorer.number, explorer.selected = "proposals", 5, 0
    assert "Scores of the region on show: fish +0.75, crab +0.50." in explorer.description()
    sent = explorer.data["regions"]
    assert sent["classes"] == ["fish", "crab"] and sent["texts"][2] == ["+0.75", "+0.50"]
    width = 1.5 + 2.0
    assert sent["zero"] == pytest.approx(2 / width, abs=1e-4)
    assert sent["ends"][2] == pytest.approx([2.75 / width, 2.5 / width], abs=1e-4)


def test_a_class_that_was_never_trained_has_no_bar() -> None:
    scores = SCORES.clone()
    scores[:, 2] = LESS
    sent = ProposalExplorer(**given(scores=scores)).data["regions"]
    assert all(
        texts[1] == "–" and ends[1] == sent["zero"] for texts, ends in zip(sent["texts"], sent["ends"])
    )


def real(index: int) -> tuple[Tensor, Proposals, Instances, ProposalExplorer]:
    pools = Scenes(length=index + 1, size=(96, 96))
    image, proposals = pools[index][0], propose(pools[index][0], 300)
    return (
        image,
        proposals,
        pools.instances(index),
        ProposalExplorer(image, proposals, pools.instances(index), pools.classes),
    )


@pytest.mark.parametrize("index", [0, 1])
def test_on_a_scene_every_number_is_the_librarys(index: int) -> None:
    _, proposals, objects, explorer = real(index)
    for number in explorer._facts.numbers:
        explorer.number = number
        first = proposals.subset(range(explorer.number))
        best = first.overlaps_many(objects.masks).amax(dim=0)
        stop = explorer.state.stop
        assert torch.equal(explorer._facts.overlaps[stop], best)
        heights = {line["name"]: line["heights"][stop] for line in explorer.data["recall"]["lines"]}
        assert heights["found at 0.5"] == pytest.approx(recall(best, 0.5), abs=1e-4)
        assert heights["average best overlap"] == pytest.approx(float(best.mean()), abs=1e-4)
        explorer.view = "proposals"
        for explorer.selected in range(len(objects)):
            assert explorer.region is not None and explorer.region < explorer.number
            overlap = proposals.overlaps(objects.masks[explorer.selected])[explorer.region]
            assert explorer.overlap == overlap == best[explorer.selected]


def test_what_is_shown_is_little_of_what_was_proposed() -> None:
    _, proposals, _, explorer = real(0)
    assert len(explorer._facts.regions) < len(proposals) / 2
    assert len(explorer.to_html()) < 400_000


@pytest.mark.parametrize("superpixels", [1, 2, 7, 180, 181, 5000])
def test_the_grouping_slider_goes_down_to_one_and_sees_the_last_hundred(superpixels: int) -> None:
    counts = counts_down(superpixels)
    assert counts[0] == superpixels and counts[-1] == 1 and len(counts) <= 181
    assert (np.diff(counts) < 0).all() and (np.diff(counts[-100:]) == -1).all()


@pytest.mark.parametrize("total", [1, 2, 11, 80, 81, 1000, 2000, 12345])
def test_the_number_slider_goes_up_to_all(total: int) -> None:
    numbers = numbers_up(total)
    assert numbers[0] == 1 and numbers[-1] == total and len(numbers) <= 50
    assert (np.diff(numbers) > 0).all()
