"""Batches: every image once an epoch, the same batch whatever came before, by index or by workers."""

from __future__ import annotations

import importlib
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.data.batches import Augment, batches, order
from seglib.data.dataset import SegmentationDataset
from seglib.data.images import SizeError
from seglib.data.in_memory import InMemoryDataset, in_memory, to_device
from seglib.labels import Classes
from seglib.train import train
from tests.training.nets import Net, Squares, weights

MODULE = importlib.import_module("seglib.data.in_memory")  # `seglib.data.in_memory` is the function


class Numbered(SegmentationDataset):
    """Image number i is i everywhere, and so is nothing else."""

    name, split, classes = "numbered", "train", Classes.of("background", "square", "edge")

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        return Image(torch.full((3, 4, 6), index, dtype=torch.uint8)), Mask(
            torch.zeros(4, 6, dtype=torch.uint8)
        )


def first(
    number: int, dataset: SegmentationDataset | None = None, **settings: Any
) -> list[tuple[Tensor, Tensor]]:
    settings = {"batch_size": 4, "size": (4, 6)} | settings
    return [*islice(batches(dataset or in_memory(Numbered()), **settings), number)]


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
    assert all(torch.equal(a, b) for pair in zip(given[5:], later) for a, b in zip(*pair))


@pytest.mark.parametrize("processes", [2, 3, 4])
def test_shares_of_several_processes_make_up_the_batch(processes: int) -> None:
    data, augment = in_memory(Squares(7)), Augment()
    ((images, masks),) = first(1, data, augment=augment)
    for rank in range(processes):
        ((some, truth),) = first(1, data, augment=augment, share=(rank, processes))
        assert torch.equal(some, images[rank::processes]) and torch.equal(truth, masks[rank::processes])


def test_weights_say_how_often_an_image_is_drawn() -> None:
    drawn = list(islice(order(3, 0, [0, 1, 3]), 6000))
    assert {*drawn} == {1, 2} and drawn.count(2) / 6000 == pytest.approx(3 / 4, abs=0.02)
    assert drawn[10:50] == list(islice(order(3, 0, torch.tensor([0, 2, 6]), skip=10), 40))
    assert drawn[:3] != drawn[3:6] or drawn[6:9] != drawn[9:12]  # epochs differ
    assert drawn != list(islice(order(3, 1, [0, 1, 3]), 6000))
    assert {*seen(first(9, weights=[0, 0, 1, 0, 0, 1, 0]))} == {2, 5}


def test_workers_give_the_same_batches() -> None:
    data, augment = Squares(5), Augment()
    by_index, by_workers = (
        first(4, each, augment=augment, size=(24, 32)) for each in (in_memory(data), data)
    )
    assert all(torch.equal(a, b) for pair in zip(by_index, by_workers) for a, b in zip(*pair))


def test_what_does_not_fit_is_decoded_by_workers_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    roomy, tight, settings = Net(), Net(), {"steps": 3, "batch_size": 4, "precision": "float32"}
    for _ in train(roomy, Squares(5), **settings):  # type: ignore[arg-type]
        pass
    need = 5 * 24 * 32 * 4
    monkeypatch.setattr(MODULE, "free_bytes", lambda device: 2 * need)
    assert isinstance(to_device(Squares(5), (24, 32), torch.device("cpu"))[0], InMemoryDataset)
    monkeypatch.setattr(MODULE, "free_bytes", lambda device: 2 * need - 1)
    said = [step.message for step in train(tight, Squares(5), val=Squares(2, split="val"), **settings)]  # type: ignore[arg-type]
    assert (
        "squares train takes 0.0 GB, more than half of the free memory: worker processes decode it" in said[0]
    )
    assert torch.equal(weights(roomy), weights(tight))


def spoilt(image, mask):
    return image, mask + 7


def of_another_size(image, mask):
    raise SizeError("/data/a.png: the mask is of another size")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (spoilt, r"^squares train, image \d: the mask holds the value \d+ [^\n]*$"),
        (of_another_size, "^/data/a.png: the mask is of another size$"),  # without the type's name
    ],
)
def test_an_error_in_a_worker_is_one_sentence(change: Any, words: str) -> None:
    class Changed(Squares):
        def __getitem__(self, index: int) -> Any:
            return change(*super().__getitem__(index))

    with pytest.raises(ValueError, match=words):
        first(1, Changed(5), size=(24, 32))
