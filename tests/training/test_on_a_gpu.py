"""Tests that need a GPU: the same numbers, no waiting, running out of memory, moving between devices."""

import copy
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seglib import backbones
from seglib.data import in_memory
from seglib.data.batches import Augment, batches
from seglib.evaluate import evaluate
from seglib.fcn import FCN, FCNSegmenter
from seglib.losses import cross_entropy
from seglib.train import train
from seglib.training.progress import Step
from seglib.training.step import FLUSH_EVERY
from seglib.widgets.monitor.record import memory
from tests.training.nets import Net, Squares

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: torch finds no CUDA")
PLAIN: dict[str, Any] = {"batch_size": 4, "precision": "float32", "lr": 0.02}


def on(device: str, net: nn.Module, **settings: Any) -> list[Step]:
    return list(train(net, Squares(), device=device, **{**PLAIN, **settings}))


def test_it_learns_what_a_cpu_learns():
    """Convolutions may use TF32 there, with 10 bits of precision."""
    first = Net(norm=False)
    losses = [on(where, copy.deepcopy(first), steps=12)[-1].history.losses for where in ("cpu", "cuda")]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


def test_the_same_batches_as_on_a_cpu():
    data = Squares(size=(40, 60))
    ways = [
        batches(in_memory(data, device=device), batch_size=5, augment=Augment(), device=device)
        for device in ("cpu", "cuda")
    ]
    for (images, masks), (others, truths) in islice(zip(*ways), 4):
        assert torch.equal(masks, truths.cpu())
        assert (images.int() - others.cpu().int()).abs().max() <= 2  # rounded twice: size, colour


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_between_two_readings_of_the_loss_nothing_waits_for_the_gpu(optimiser):
    steps = train(Net(), in_memory(Squares(), device="cuda"), steps=99, optimiser=optimiser, **PLAIN)
    for _ in range(FLUSH_EVERY):
        next(steps)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(FLUSH_EVERY - 1):
            next(steps)
    finally:
        torch.cuda.set_sync_debug_mode("default")
        steps.close()


@pytest.fixture
def little_memory() -> Iterator[None]:
    """About 400 MB, whatever the card has."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 4e8) / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_running_out_of_memory_splits_the_batch(little_memory):
    steps = on("cuda", Net(), steps=3, size=(512, 512), batch_size=32, augment=None)
    messages = " ".join(step.message for step in steps)
    assert "Out of memory at step 1: from now on, batches of 32 go through the net in " in messages
    assert len(steps) == 3 and len(steps[-1].history.losses) == 3


def test_one_image_that_is_too_large_is_reported(little_memory):
    def greedy(logits: Tensor, masks: Tensor) -> Tensor:
        if logits.requires_grad:  # it is tried once before the first step
            torch.empty(10**9, device="cuda")
        return cross_entropy(logits, masks)

    with pytest.raises(ValueError, match="even with one image of 24 x 32 at a time; use smaller images"):
        on("cuda", Net(), steps=1, loss=greedy)


@pytest.mark.parametrize(("there", "here"), [("cuda", "cpu"), ("cpu", "cuda"), ("cuda", "cuda")])
def test_a_checkpoint_moves_between_cpu_and_gpu(there, here, tmp_path):
    kept = {"checkpoint": tmp_path / "checkpoint.pt", "steps": 8}
    for step in train(Net(), Squares(), device=there, **PLAIN, **kept):
        if step.number == 3:
            break
    again = on(here, Net(seed=1), **kept)
    assert [step.number for step in again] == [4, 5, 6, 7, 8]


def test_the_clock_includes_work_on_the_gpu():
    """Steps run asynchronously on a GPU; reading the losses from time to time synchronises the two."""
    begin = time.monotonic()
    list(train(Net(), Squares(), device="cuda", seconds=2, size=(256, 256), **PLAIN))
    assert 1.9 < time.monotonic() - begin < 4


def test_images_in_main_memory_are_predicted_there(tmp_path):
    val = Squares(3, split="val")
    net = FCN(backbones.load("small"), 3, stride=8)
    (*_, last) = train(net, Squares(), steps=4, val=val, batch_size=4, device="cuda")
    assert last.preview is not None and last.preview.images.device.type == "cpu" and "GPU" in memory()
    segmenter = FCNSegmenter(net, val.classes)
    scores = evaluate(segmenter, val, boundary=False)
    segmenter.save(tmp_path / "fcn.pt")
    loaded = FCNSegmenter.load(tmp_path / "fcn.pt")
    images: Tensor = val[0][0]
    assert scores.images == 3 and segmenter.predict(images.cuda()).device.type == "cuda"
    assert (loaded.predict(images) == segmenter.predict(images)).double().mean() > 0.99
