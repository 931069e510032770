"""The live monitor's thread: pause, resume, stop, errors, and places where nobody looks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
import torch
import traitlets
from nbclient import NotebookClient

from seglib.losses import cross_entropy
from seglib.train import train
from seglib.training.step import Step
from seglib.widgets import Monitor
from seglib.widgets.monitor import reading
from tests.training.nets import Net, Squares
from tests.widgets.trainings import steps, until


def test_without_a_front_end_it_runs_here_and_raises_here() -> None:
    seen = []

    def failing() -> Iterator[Step]:
        seen.append(threading.current_thread())
        yield from steps(2)
        raise RuntimeError("no luck")

    with pytest.raises(RuntimeError, match="no luck"):
        Monitor(failing())
    assert seen == [threading.main_thread()]


def test_pause_holds_it_resume_lets_it_go_and_stop_leaves_a_usable_net() -> None:
    net = Net()
    settings = {"batch_size": 4, "precision": "float32", "device": "cpu"}
    monitor = Monitor(train(net, Squares(), steps=10_000_000, **settings), live=True)
    until(lambda: monitor.step is not None and monitor.step.number > 3)
    monitor.wish = "pause"
    until(lambda: monitor.status == "paused")
    assert monitor.step is not None
    number = monitor.step.number
    time.sleep(0.1)
    assert monitor.step.number == number and reading.says(monitor.record, "paused") == monitor.now["says"]
    monitor.wish = "train"
    until(lambda: monitor.step.number > number and monitor.status == "training")  # type: ignore[union-attr]
    monitor.wish = "pause"
    until(lambda: monitor.status == "paused")
    monitor.wish = "stop"  # also while it is paused
    monitor.wait()
    assert monitor.status == "stopped" and not net.training
    assert net(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)).shape == (1, 3, 8, 8)


def test_an_error_in_the_thread_is_shown_and_raised_each_time_it_is_asked_for() -> None:
    def failing() -> Iterator[Step]:
        yield from steps(2)
        raise ValueError("the loss is nan at step 3")

    monitor = Monitor(failing(), live=True)
    for _ in range(2):
        with pytest.raises(ValueError, match="nan at step 3"):
            monitor.wait()
        with pytest.raises(ValueError, match="nan at step 3"):
            asyncio.run(monitor.finished())
    assert monitor.status == "failed" and monitor.now["failure"] == "ValueError: the loss is nan at step 3"


def test_an_error_in_showing_the_end_is_raised_and_the_card_no_longer_says_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a chart without height")

    monitor = Monitor(steps(10, seconds=0.02), live=True)
    monkeypatch.setattr("seglib.widgets.monitor.packing.now", broken)
    with pytest.raises(ZeroDivisionError, match="a chart without height"):
        monitor.wait()
    assert monitor.status in ("finished", "failed")


def test_a_loss_below_zero_can_be_drawn() -> None:
    def below(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        return cross_entropy(logits, masks) - 100

    monitor = Monitor(train(Net(), Squares(), steps=3, loss=below, device="cpu"), live=True)
    monitor.wait()
    assert monitor.status == "finished" and monitor.step is not None and monitor.step.loss < 0


def test_what_gives_no_steps_is_told_before_it_is_drawn() -> None:
    monitor = Monitor([1, 2], live=True)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="this gave a int, no step of a training"):
        monitor.wait()
    assert monitor.status == "failed" and "no step of a training" in monitor.now["failure"]


def test_a_training_that_is_over_is_not_remembered_for_the_end_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("atexit.register", asked.append)
    monkeypatch.setattr("atexit.unregister", asked.remove)
    monitor = Monitor(steps(1), live=True)
    monitor.wait()
    until(lambda: not asked)


def test_whoever_awaits_lets_others_work() -> None:
    async def both() -> int:
        monitor = Monitor(steps(10, seconds=0.03), live=True)
        waiting, turns = asyncio.ensure_future(monitor.finished()), 0
        while not waiting.done():
            await asyncio.sleep(0.01)
            turns += 1
        return turns

    assert asyncio.run(both()) > 5


def test_interrupting_the_wait_stops_the_training() -> None:
    async def interrupted() -> Monitor:
        monitor = Monitor(steps(1000, seconds=0.01), live=True)
        waiting = asyncio.ensure_future(monitor.finished())
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return monitor

    assert asyncio.run(interrupted()).status == "stopped"


def test_a_new_training_stops_an_older_one() -> None:
    older = Monitor(steps(10_000, seconds=0.01), live=True)
    newer = Monitor(steps(3, seconds=0.01), live=True)
    newer.wait()
    assert older.status == "stopped" and newer.status == "finished"


def test_it_speaks_at_most_once_a_second_and_of_images_every_other() -> None:
    spoken: list[str] = []
    monitor = Monitor(steps(500, every=5, seconds=0.005), live=True)
    monitor.observe(lambda change: spoken.append(change.name))
    begin = time.monotonic()
    monitor.wait()
    seconds = time.monotonic() - begin
    assert 3 <= spoken.count("now") <= seconds + 2
    assert 2 <= spoken.count("moments") <= seconds / 2 + 2 and spoken.count("data") <= 1


def test_a_button_is_a_message_and_a_wrong_one_is_told() -> None:
    monitor = Monitor(steps(1))
    monitor._handle_custom_msg({"wish": "pause"}, [])
    assert monitor.wish == "pause"
    with pytest.raises(traitlets.TraitError, match="wish"):
        monitor._hear(monitor, {"wish": "explode"}, [])
    assert "wish" in monitor.error


@pytest.mark.parametrize("wrong", [Net(), 3, None])
def test_what_is_no_training_is_told(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"a monitor watches what train\(net, dataset, ...\) returns, not a"):
        Monitor(wrong)


# Notebooks that nobody looks at.


def test_a_notebook_that_is_run_by_a_program_trains_in_the_cell() -> None:
    cells = [
        "from seglib.widgets import Monitor\nfrom tests.widgets.trainings import steps\n"
        "monitor = Monitor(steps(3))\nmonitor",
        "assert monitor.status == 'finished'\nawait monitor.finished()",
        "def failing():\n    yield from steps(3)\n    raise RuntimeError('no luck')\nMonitor(failing())",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, allow_errors=True).execute()
    (shown,), waited, (failed,) = (cell.outputs for cell in notebook.cells)
    assert "Finished after 3 steps" in shown.data["text/html"] and waited == []
    assert failed.output_type == "error" and "no luck" in failed.evalue
