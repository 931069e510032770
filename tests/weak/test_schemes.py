"""Every scheme on an image, at the edge of what works too; and on a data set: kept, resumed, refused."""

import inspect
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from seglib.boxes import rasterise
from seglib.labels import VOID
from seglib.weak import schemes
from seglib.weak.boxes import BoxAnnotations, load_boxes
from seglib.weak.cleaning import BoxSup
from seglib.weak.grabcut import grabcut_plus, grabcut_votes
from seglib.weak.labels import PseudoLabels
from seglib.weak.schemes import (
    agreement,
    candidates,
    inner_rectangles,
    pseudo_labels,
    rectangles,
    region_loss,
)
from tests.refused import refused
from tests.weak.samples import Discs, NoRegions, TwoRegions, box_of, disc, one_box

ONE, WHOLE = torch.tensor([1]), torch.tensor([[0, 0, 40, 40]])
ALL = {
    "rectangles": rectangles,
    "box-i": inner_rectangles,
    "grabcut+": grabcut_plus,
    "grabcut+-i": partial(grabcut_votes, runs=3),
    "m-and-g+": partial(agreement, propose=TwoRegions),
    "boxsup": partial(candidates, propose=TwoRegions),
}
every = pytest.mark.parametrize("make", ALL.values(), ids=ALL)


def test_the_core_of_box_i_is_a_fifth_of_the_area_not_of_each_side():
    mask = inner_rectangles(torch.zeros(3, 100, 200), torch.tensor([[20, 10, 180, 90]]), ONE)
    assert (mask == 1).sum().item() / (160 * 80) == pytest.approx(0.2, abs=0.01)
    assert (mask == VOID).sum() + (mask == 1).sum() == 160 * 80
    assert (mask[:10] == 0).all()
    with pytest.raises(ValueError, match=r"share must be 0\.\.1, not 20"):
        inner_rectangles(torch.zeros(3, 9, 9), torch.tensor([[0, 0, 4, 4]]), ONE, share=20)
    boxes, classes = torch.tensor([[9, 9, 12, 12], [0, 0, 20, 20]]), torch.tensor([2, 1])
    mask = inner_rectangles(torch.zeros(3, 20, 20), boxes, classes)
    assert mask[10, 10] == 2 and mask[9, 9] == VOID and mask[13, 13] == 1  # the smaller box lies in front
    plain = rectangles(torch.zeros(3, 20, 20), boxes, classes)
    assert torch.equal(plain, rasterise(boxes, classes, (20, 20)))


@pytest.mark.parametrize("name", ["grabcut+", "m-and-g+", "boxsup"])
def test_an_easy_object_is_found_in_a_loose_box(name):
    image, inside = disc()
    mask = ALL[name](image, box_of(inside, loose=1), ONE)
    assert ((mask == 1) == inside).float().mean() > 0.99


@every
@pytest.mark.parametrize(
    "box", [(5, 5, 6, 6), (0, 0, 40, 40), (0, 0, 1, 40), (39, 39, 40, 40), (1, 0, 40, 40), (7, 7, 33, 33)]
)
def test_any_box_gets_the_same_mask_twice_and_nothing_outside(make, box):
    image, _ = disc()
    mask, again = (make(image, torch.tensor([box]), ONE) for _ in range(2))
    assert mask.shape == (40, 40) and mask.dtype == torch.uint8 and torch.equal(mask, again)
    x1, y1, x2, y2 = box
    assert set(mask.unique().tolist()) <= {0, 1, VOID}
    mask[y1:y2, x1:x2] = 0
    assert not mask.any()


@every
def test_odd_images_and_boxes(make):
    image, _ = disc()
    nothing = make(image, torch.zeros(0, 4).long(), torch.zeros(0).long(), background=2)
    assert (nothing == 2).all()  # without boxes
    with pytest.raises(ValueError, match=r"box 0, \(5, 5, 3, 9\), .* swapped corners"):
        make(image, torch.tensor([[5, 5, 3, 9]]), ONE)
    grey = torch.full((3, 40, 40), 120, dtype=torch.uint8)  # of one colour, without regions
    if isinstance(make, partial) and "propose" in make.keywords:
        make = partial(make, propose=NoRegions)
    mask = make(grey, torch.tensor([[5, 5, 30, 30]]), ONE)
    assert (mask[5:30, 5:30] == 1).any()  # nothing tells object from background: some or all of the box
    mask[5:30, 5:30] = 0
    assert not mask.any()


def test_boxsup_follows_the_net_and_always_takes_one_region():
    image, inside = disc()
    logits = torch.zeros(2, 40, 40)
    logits[0] = 9.0  # the net says: background everywhere
    assert (candidates(image, WHOLE, ONE, propose=TwoRegions, logits=logits, best=1) == 1).any()
    logits = torch.stack([torch.where(inside, -5.0, 5.0), torch.where(inside, 5.0, -5.0)])
    loose = box_of(inside, loose=4)  # fits both regions in part; the net decides
    mask = candidates(image, loose, ONE, propose=TwoRegions, logits=logits, best=1)
    assert torch.equal(mask == 1, inside)
    with pytest.raises(ValueError, match="best must be at least 1, not 0"):
        candidates(image, WHOLE, ONE, propose=TwoRegions, best=0)
    near_whole, large = torch.tensor([[1, 1, 39, 39]]), disc(size=40, radius=18)[0]
    drawn = [candidates(large, near_whole, ONE, propose=TwoRegions, seed=seed).sum() for seed in range(20)]
    assert len({*map(int, drawn)}) == 2  # one of the best is drawn


@pytest.mark.parametrize("sees", ["the disc", "everything"])
def test_the_update_between_rounds_takes_the_region_that_the_net_sees(sees):
    image, inside = disc()
    x1, y1, x2, y2 = box_of(inside, loose=4)[0].tolist()
    target = inside if sees == "the disc" else torch.ones_like(inside)
    sure = torch.where(target, 0.99, 0.01)
    update, box = BoxSup(TwoRegions, best=1), one_box(x1, y1, x2, y2)
    mask = update(image, torch.stack([1 - sure, sure]), box, 1, inside)
    expected = torch.zeros_like(inside)
    expected[y1:y2, x1:x2] = target[y1:y2, x1:x2]
    assert torch.equal(mask == 1, expected)


def test_the_loss_of_a_region_is_the_mean_cross_entropy_over_the_box():
    rng = torch.Generator().manual_seed(0)
    pieces, logits = torch.rand(5, 6, 7, generator=rng) < 0.5, torch.randn(3, 6, 7, generator=rng)
    loss = -logits.log_softmax(0)
    expected = [cross_entropy(logits[None], 2 * piece[None].long()) for piece in pieces]
    assert torch.allclose(region_loss(pieces, loss[2], loss[0]), torch.stack(expected))


def masks(labels: PseudoLabels) -> list[list]:
    return [labels.mask(index).tolist() for index in range(len(labels))]


def counted(image, boxes, classes, *, note: str = "", background: int = 0):
    """Rectangles that note in a file that they were made."""
    with Path(note).open("a") as file:
        file.write("x")
    return rectangles(image, boxes, classes, background=background)


def broken(image, boxes, classes, *, note: str = "", background: int = 0):
    """A scheme that fails at the second image."""
    if len(boxes) and boxes[0, 0] < 14:
        raise ValueError("stopped here")
    return counted(image, boxes, classes, note=note, background=background)


@pytest.fixture
def note(home, tmp_path, monkeypatch) -> str:
    monkeypatch.delenv("SEGLIB_CACHE", raising=False)
    return str(tmp_path / "made")


def test_masks_are_made_once_and_found_by_content(note):
    first = pseudo_labels(Discs(), counted, note=note)
    again = pseudo_labels(Discs(), counted, note=note)
    assert Path(note).read_text() == "xxxx" and masks(first) == masks(again)
    pseudo_labels(Discs().subset([1]), counted, note=note)  # the same image elsewhere
    moved = [BoxAnnotations(one.boxes.clamp(max=20), one.classes) for one in load_boxes(Discs())]
    pseudo_labels(Discs(), counted, boxes=moved, note=note)  # other boxes, but in the image without
    assert Path(note).read_text() == "x" * 7


ASKED: list[Tensor] = []


def proposed(image):
    """Notes for which images regions are asked."""
    ASKED.append(image)
    return TwoRegions(image)


@pytest.mark.parametrize("changed", ["the regions", "the function", "nothing"])
def test_a_change_of_the_code_behind_the_regions_makes_masks_anew(note, monkeypatch, changed):
    pseudo_labels(Discs(), "boxsup", propose=proposed)
    ASKED.clear()
    if changed == "the regions":
        rest = tuple(name for name in schemes.CODE if name != "seglib.regions")
        monkeypatch.setattr(schemes, "CODE", rest)  # as if it had another text
    if changed == "the function":
        source = inspect.getsource
        monkeypatch.setattr(inspect, "getsource", lambda part: source(part) + "# changed")
    pseudo_labels(Discs(), "boxsup", propose=proposed)
    assert len(ASKED) == (0 if changed == "nothing" else 3)


def test_the_masks_of_a_function_that_cannot_be_pickled_are_not_kept(note):
    first = pseudo_labels(Discs(), "boxsup", propose=lambda image: TwoRegions(image))
    assert (first.mask(1) == Discs()[1][1]).all()
    labels = pseudo_labels(Discs(), "boxsup", propose=lambda image: NoRegions(image))
    assert torch.equal(labels.mask(1), pseudo_labels(Discs(), "rectangles").mask(1))
    assert labels.name == "discs, boxsup"


@pytest.mark.parametrize("scheme", ["rectangles", "grabcut+", "m-and-g+"])
@pytest.mark.parametrize(
    "change", [lambda image: image / 255, lambda image: image[:1]], ids=["float", "grey"]
)
def test_an_image_that_is_something_else_is_named(scheme, change):
    settings = {"propose": TwoRegions} if scheme == "m-and-g+" else {}
    with pytest.raises(ValueError, match=r"discs train, image disc0 must be .* not \(\d, 40, 40\)"):
        pseudo_labels(Discs(2).spoilt(0, image=change), scheme, jobs=1, **settings)


test_an_unknown_scheme_or_setting_is_named = refused(
    lambda scheme, settings: pseudo_labels(Discs(2), scheme, **settings),
    ("grabcut", {}, "there is no scheme 'grabcut'; there are rectangles"),
    ("rectangles", {"seed": 1}, "rectangles: got an unexpected keyword argument 'seed'"),
    ("boxsup", {}, r"boxsup: missing a required .*'propose'"),
)


def test_a_training_run_afterwards_has_its_threads_back(note):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        pseudo_labels(Discs(), "rectangles", jobs=1)
        assert torch.get_num_threads() == 2
        with pytest.raises(ValueError, match="stopped here"):
            pseudo_labels(Discs(), broken, note=note, jobs=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
