"""InMemoryDataset: images of any size brought to one, nothing distorted, what is added is void."""

from __future__ import annotations

import importlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.tv_tensors import Image, Mask

from seglib.data.batches import GREY
from seglib.data.in_memory import common_size, in_memory, letterbox, to_device
from seglib.evaluate import Constant, evaluate
from seglib.labels import VOID
from seglib.machine import pick_profile
from seglib.scenes import Scenes
from tests.data.conftest import InMemory
from tests.training.nets import Squares

MODULE = importlib.import_module("seglib.data.in_memory")  # `seglib.data.in_memory` is the function


def sizes(*given: tuple[int, int]) -> InMemory:
    """Images of these sizes, all of class 1."""
    masks = [torch.ones(size, dtype=torch.uint8) for size in given]
    return InMemory(["background", "fish"], masks, [9 * mask.expand(3, -1, -1) for mask in masks])


def test_a_stack_of_one_size_is_the_data_set_itself() -> None:
    data = Scenes(3, size=(32, 48))
    stacked = in_memory(data)
    assert stacked.size == (32, 48) and stacked.classes == data.classes and len(stacked) == 3
    for (image, mask), (other, truth) in zip(stacked, data):
        assert torch.equal(image, other) and torch.equal(mask, truth)
        assert type(image) is Image and type(mask) is Mask
    assert torch.equal(evaluate(Constant(), stacked).confusion, evaluate(Constant(), data).confusion)


def test_other_sizes_lie_in_the_middle_of_void() -> None:
    data = sizes((10, 20), (20, 10), (40, 40))
    data.sample_id = lambda index: f"image{index}"  # type: ignore[method-assign]
    stacked = in_memory(data, size=(20, 20))
    wide, tall, square = stacked.masks != VOID
    assert wide.sum() == tall.sum() == 200 and square.all()
    assert wide[5:15].all() and tall[:, 5:15].all()
    assert (stacked.images[0][:, ~wide] == GREY).all() and (stacked.images[0][:, wide] == 9).all()
    assert stacked.sample_id(1) == data.sample_id(1) == "image1"
    assert common_size(sizes((10, 20), (10, 20))) == (10, 20)
    assert common_size(sizes((10, 20), (11, 20))) == pick_profile().size
    with pytest.raises(ValueError, match="memory train has no images"):
        in_memory(sizes())


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
)
def test_any_size_fits_into_any_other(height: int, width: int, size: tuple[int, int]) -> None:
    image = torch.full((3, height, width), 77, dtype=torch.uint8)
    seen, mask = letterbox(image, torch.zeros(height, width, dtype=torch.uint8), size)
    known = mask == 0
    assert seen.shape == (3, *size) and mask.shape == size and known.any()
    assert (seen[:, known] == 77).all() and (mask[~known] == VOID).all() and (seen[:, ~known] == GREY).all()
    assert known.any(0).all() or known.any(1).all()  # one side is filled


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The meta device plays a GPU: 0 bytes free, or many."""
    gpu, data = torch.device("meta"), Squares(3)
    monkeypatch.setattr(MODULE, "free_bytes", lambda device: 1e9)
    assert to_device(data, (24, 32), gpu)[0].images.device == gpu  # type: ignore[attr-defined]
    assert to_device(in_memory(data), (24, 32), gpu)[0].images.device == gpu  # type: ignore[attr-defined]
    monkeypatch.setattr(MODULE, "free_bytes", lambda device: 1e9 if device.type == "cpu" else 0)
    stacked, said = to_device(data, (24, 32), gpu)
    assert stacked.images.device.type == "cpu" and "too much for meta: it stays in main memory" in said  # type: ignore[attr-defined]
    given = in_memory(data)
    assert to_device(given, (24, 32), gpu) == (given, "")
