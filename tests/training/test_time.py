"""What counts as time for training, and that there is always some."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch

from seglib.train import train
from seglib.training import distributed
from seglib.training import precision as trial
from tests.training.nets import Net, Squares

CPU: dict[str, Any] = {"batch_size": 4, "precision": "float32", "device": "cpu"}


class Slow(Squares):
    """It takes a tenth of a second to read an image."""

    def __getitem__(self, index: int) -> Any:
        time.sleep(0.1)
        return super().__getitem__(index)


def test_waiting_for_the_first_step_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = train(Net(), Squares(), seconds=5, **CPU)
    now, before = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: before() + now[0])
    now[0] = 1000.0  # what another training took to end
    step = next(steps)
    assert step.number == 1 and step.seconds < 5 and "over already" not in step.message


def test_where_getting_ready_took_all_the_time_one_step_is_done_and_it_says_so(tmp_path: Path) -> None:
    """And it is not over for ever: no checkpoint says that zero steps were enough."""
    path = tmp_path / "a.pt"
    (step,) = train(Net(), Slow(), seconds=0.3, checkpoint=path, **CPU)
    assert (
        step.number == 1 and "Getting ready took 1 s, all of the 0.3 s there were: one step" in step.message
    )
    assert torch.load(path, weights_only=True)["number"] == 1


def test_decoding_the_validation_is_no_part_of_the_schedule() -> None:
    (first, *_), (again, *_) = (
        list(train(Net(), Squares(), seconds=2.5, val=val, val_every=1000, **CPU))[:1]
        for val in (Squares(10, split="val"), Slow(10, split="val"))
    )
    assert first.learning_rate == again.learning_rate == 0  # the warm-up begins at the first step


def test_decoding_once_more_takes_no_time_from_a_training_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    next(train(Net(), Squares(), seconds=20, checkpoint=path, **CPU))
    state = torch.load(path, weights_only=True)
    torch.save(state | {"seconds": 19.5, "prepared": 0.1}, path)  # half a second is left
    first = next(train(Net(), Slow(), seconds=20, checkpoint=path, **CPU))
    assert first.number == 2 and "over already" not in first.message and first.seconds < 20.5


def test_a_trial_of_precisions_that_would_take_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_detour", lambda: 1.0)
    seen: list[int] = []

    class Counting(Net):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(len(images))
            return super().forward(images)

    images, masks = torch.zeros(2, 3, 24, 32, dtype=torch.uint8), torch.zeros(2, 24, 32, dtype=torch.uint8)
    loss = torch.nn.functional.cross_entropy
    chosen = trial.choose("auto", Counting(), lambda x, m: loss(x, m.long()), images, masks, most=0.0)
    assert chosen == ("float32", "float32: steps take too long to try both.") and seen == [2]


def test_processes_that_find_other_checkpoints_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "broadcast", lambda value: 7.0)  # the first one is at step 7
    with pytest.raises(
        ValueError, match=r"the first process and this one do not find the same at .*a.pt; put"
    ):
        train(Net(), Squares(), steps=9, checkpoint=tmp_path / "a.pt", **CPU)
