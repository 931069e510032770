"""Batches: every image once an epoch, the same batch whatever came before; and their augmentation."""

from __future__ import annotations

import importlib
import math
import pickle
import threading
from itertools import islice
from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms.v2 import functional as V

from seglib.data import batches as batches_module
from seglib.data.audit import audit
from seglib.data.balance import count
from seglib.data.batches import GREY, Augment, batches, order, resample_batched
from seglib.data.files import SizeError
from seglib.data.in_memory import InMemoryDataset, in_memory, resized, to_device
from seglib.evaluate import Constant, evaluate
from seglib.labels import VOID
from seglib.train import train
from tests.data.conftest import InMemory
from tests.training.nets import Net, Squares, weights

MODULE = importlib.import_module("seglib.data.in_memory")  # `seglib.data.in_memory` is the function


def numbered() -> InMemory:
    """Image number i is i everywhere, and so is nothing else."""
    masks = [torch.zeros(4, 6, dtype=torch.uint8)] * 7
    return InMemory(["background"], masks, [mask.expand(3, -1, -1) + i for i, mask in enumerate(masks)])


def first(number: int, dataset: Any = None, **settings: Any) -> list[tuple[Tensor, Tensor]]:
    settings = {"batch_size": 4, "size": (4, 6)} | settings
    return [*islice(batches(dataset or in_memory(numbered()), **settings), number)]


def same(some: list[tuple[Tensor, Tensor]], others: list[tuple[Tensor, Tensor]]) -> bool:
    return all(torch.equal(a, b) for one, other in zip(some, others, strict=True) for a, b in zip(one, other))


def seen(given: list[tuple[Tensor, Tensor]]) -> list[int]:
    return torch.cat([images[:, 0, 0, 0] for images, _ in given]).tolist()


def test_every_image_once_an_epoch_and_all_batches_full() -> None:
    given = first(7)
    assert {len(images) for images, _ in given} == {4}
    numbers = seen(given)
    epochs = [numbers[start : start + 7] for start in (0, 7, 14, 21)]
    assert all(sorted(epoch) == [*range(7)] for epoch in epochs) and len({*map(tuple, epochs)}) == 4
    assert seen(first(7, seed=1)) != numbers


@pytest.mark.parametrize("augment", [None, Augment()])
def test_a_batch_is_the_same_whatever_came_before(augment: Augment | None) -> None:
    data = in_memory(Squares(7))
    given, later = first(9, data, augment=augment), first(4, data, augment=augment, start=5)
    assert same(given[5:], later)


@pytest.mark.parametrize("processes", [2, 3, 4])
def test_shares_of_several_processes_make_up_the_batch(processes: int) -> None:
    data, augment = in_memory(Squares(7)), Augment()
    ((images, masks),) = first(1, data, augment=augment)
    for rank in range(processes):
        share = first(1, data, augment=augment, share=(rank, processes))
        assert same(share, [(images[rank::processes], masks[rank::processes])])


def test_weights_say_how_often_an_image_is_drawn() -> None:
    drawn = list(islice(order(3, 0, [0, 1, 3]), 6000))
    assert {*drawn} == {1, 2} and drawn.count(2) / 6000 == pytest.approx(3 / 4, abs=0.02)
    assert drawn[10:50] == list(islice(order(3, 0, torch.tensor([0, 2, 6]), skip=10), 40))
    assert drawn[:3] != drawn[3:6] or drawn[6:9] != drawn[9:12]  # epochs differ
    assert drawn != list(islice(order(3, 1, [0, 1, 3]), 6000))
    assert {*seen(first(9, weights=[0, 0, 1, 0, 0, 1, 0]))} == {2, 5}


def test_workers_give_the_same_batches() -> None:
    data, augment = Squares(5), Augment()
    assert same(*(first(4, one, augment=augment, size=(24, 32)) for one in (in_memory(data), data)))


def test_a_data_set_that_no_other_process_could_read_is_decoded_by_workers() -> None:
    """As one whose class is defined in a notebook, or that holds an open file or a lock."""

    class Own(Squares):
        def __init__(self) -> None:
            super().__init__(5)
            self.lock = threading.Lock()

        def __getitem__(self, index: int) -> Any:
            with self.lock:
                return super().__getitem__(index)

    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        pickle.dumps(Own())
    assert same(*(first(2, data, size=(24, 32)) for data in (Own(), in_memory(Squares(5)))))
    assert count(Own()).pixels.sum() == 5 * 24 * 32 and not audit(Own()).of("unreadable")
    assert evaluate(Constant(), Own()).confusion.sum() == 5 * 22 * 32


def test_what_does_not_fit_is_decoded_by_workers_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    roomy, tight, settings = Net(), Net(), {"steps": 3, "batch_size": 4, "precision": "float32"}
    for _ in train(roomy, Squares(5), **settings):  # type: ignore[arg-type]
        pass
    need = 5 * 24 * 32 * 4
    monkeypatch.setattr(MODULE, "free_bytes", lambda device: 2 * need)
    assert isinstance(to_device(Squares(5), (24, 32), torch.device("cpu"))[0], InMemoryDataset)
    monkeypatch.setattr(MODULE, "free_bytes", lambda device: 2 * need - 1)
    said = [step.message for step in train(tight, Squares(5), val=Squares(2, split="val"), **settings)]  # type: ignore[arg-type]
    assert "takes 0.0 GB, more than half of the free memory: its images are decoded when used" in said[0]
    assert torch.equal(weights(roomy), weights(tight))


def test_an_error_in_a_worker_is_one_sentence() -> None:
    class Spoilt(Squares):
        def __getitem__(self, index: int) -> Any:
            image, mask = super().__getitem__(index)
            return image, mask + 7

    class OfAnotherSize(Squares):
        def __getitem__(self, index: int) -> Any:
            raise SizeError("/data/a.png: the mask is of another size")

    with pytest.raises(ValueError, match=r"^squares train, image \d: the mask holds the value \d+ [^\n]*$"):
        first(1, Spoilt(5), size=(24, 32))
    with pytest.raises(ValueError, match=r"^/data/a\.png: the mask is of another size$"):  # no type's name
        first(1, OfAnotherSize(5), size=(24, 32))


# Augmentation: the mask moves with its image, no new class appears between two, outside is void.

HALF = torch.full((1, 8), 0.5)


def image(height: int = 20, width: int = 30) -> tuple[Tensor, Tensor]:
    """A mask of two classes and an image that shows it: 40 where class 0 is, 200 where class 5."""
    mask = torch.zeros(1, height, width, dtype=torch.uint8)
    mask[:, 4:15, 6:17] = 5
    return (40 + 32 * mask[:, None]).expand(1, 3, height, width).contiguous(), mask


def chance(**columns: float) -> Tensor:
    names = ["flip", "zoom", "top", "left", "bright", "contrast", "saturation"]
    row = HALF.clone()
    for name, value in columns.items():
        row[0, names.index(name)] = value
    return row


def test_flip_by_hand() -> None:
    images, masks = image()
    for drawn, axes in ((0.4, [-1]), (0.6, [])):
        seen, truth = Augment(zoom=(1, 1), colour=0)(images, masks, chance(flip=drawn))
        assert torch.equal(seen, images.flip(axes)) and torch.equal(truth, masks.flip(axes))


def test_twice_as_large_is_the_window_resized() -> None:
    for wrong in ({"zoom": (0, 1)}, {"zoom": (2, 1)}, {"colour": 1}):
        with pytest.raises(ValueError, match=min(wrong)):
            Augment(**wrong)
    images, masks = image()
    seen, truth = Augment(flip=False, zoom=(2, 2), colour=0)(images, masks, chance(top=0.0, left=1.0))
    assert torch.equal(seen[0], V.resize(images[0, :, :10, 15:], [20, 30], antialias=True))
    assert torch.equal(truth, masks[:, :10, 15:].repeat_interleave(2, 1).repeat_interleave(2, 2))


def test_half_as_large_lies_on_grey_and_void() -> None:
    images, masks = image()
    seen, truth = Augment(flip=False, zoom=(0.5, 0.5), colour=0)(images, masks, chance(top=0.0, left=0.0))
    outside = torch.ones(20, 30, dtype=torch.bool)
    outside[-10:, -15:] = False  # nothing of the image is moved out: it lies in a corner
    outside = outside if (truth[0] == VOID)[outside].all() else outside.flip(0, 1)
    assert (truth[0][outside] == VOID).all() and (seen[0][:, outside] == GREY).all()
    assert (truth[0][~outside] != VOID).all() and 5 in truth


@given(
    row=st.lists(st.floats(0, 1, width=32), min_size=8, max_size=8), height=st.integers(1, 40),
    width=st.integers(1, 40), largest=st.floats(1, 8),
)  # fmt: skip
def test_whatever_is_drawn(row: list[float], height: int, width: int, largest: float) -> None:
    images, masks = image(height, width)
    seen, truth = Augment(zoom=(1 / largest, largest), colour=0)(images, masks, torch.tensor([row]))
    assert seen.shape == images.shape and truth.shape == masks.shape
    assert seen.dtype == truth.dtype == torch.uint8
    assert {*truth.unique().tolist()} <= {*masks.unique().tolist(), VOID}
    reach = math.ceil(largest) + 1  # smooth edges are as wide as a pixel of the image becomes
    unlike = (truth != truth.median())[None].float()
    sure = torch.nn.functional.max_pool2d(unlike, 2 * reach + 1, 1, reach)[0] == 0
    expected = {VOID: GREY, 0: 40, 5: 200}[int(truth.median())]
    assert (seen[0][:, sure[0]].int() - expected).abs().max().item() <= 1 if sure.any() else True


def test_light_by_hand() -> None:
    images = torch.tensor([10, 100, 200], dtype=torch.uint8).view(1, 3, 1, 1)
    masks = torch.zeros(1, 1, 1, dtype=torch.uint8)

    def light(**columns: float) -> list[int]:
        augment = Augment(flip=False, zoom=(1, 1), colour=0.5)
        return augment(images, masks, chance(**columns))[0].flatten().tolist()

    assert light() == [10, 100, 200]
    assert light(bright=1.0) == [15, 150, 255]
    assert light(contrast=0.0) == [69, 114, 164]  # half way to 128
    grey = 0.299 * 10 + 0.587 * 100 + 0.114 * 200
    assert light(saturation=0.0) == [int((value + grey) / 2) for value in (10, 100, 200)]


def test_a_mask_s_pixel_is_the_one_in_the_middle_by_hand():
    """Of 6 pixels the middles of thirds are 1, 3 and 5; old torchvisions took 0, 2 and 4 for a `Mask`."""
    image, mask = torch.zeros(3, 2, 6, dtype=torch.uint8), torch.arange(6, dtype=torch.uint8).expand(2, 6)
    assert resized(image, mask, (2, 3))[1].tolist() == [[1, 3, 5]] * 2


@given(
    sides=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    zoom=st.sampled_from([(1.0, 1.0), (0.75, 1.5), (0.2, 0.6), (2.0, 5.0)]),
    seed=st.integers(0, 9999),
)
@settings(deadline=None)
def test_a_batch_at_once_is_what_image_by_image_gives(sides, zoom, seed):
    """The way of a GPU, taken on the processor: masks are equal, images up to a grey level."""
    rng = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (3, 3, *sides), generator=rng, dtype=torch.uint8)
    masks = torch.randint(0, 9, (3, *sides), generator=rng, dtype=torch.uint8)
    chance = torch.rand(3, 8, generator=rng)
    augment = Augment(zoom=zoom, colour=0)
    one_by_one = augment(images, masks, chance)

    with mock.patch.object(batches_module, "resample_loop", resample_batched):
        together = augment(images, masks, chance)
    assert torch.equal(together[1], one_by_one[1])
    assert (together[0].int() - one_by_one[0].int()).abs().max() <= 1
