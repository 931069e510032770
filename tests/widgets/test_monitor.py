"""The live monitor without a browser: what it keeps, what it shows and sends, and its thread."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
import traitlets
from nbclient import NotebookClient

from seglib.losses import cross_entropy
from seglib.train import train
from seglib.training.progress import History, Step
from seglib.widgets import Monitor
from seglib.widgets.monitor import reading
from seglib.widgets.monitor.record import LONGEST, MOST, Record, Seen, curve, small
from tests.refused import refused
from tests.training.nets import Net, Squares
from tests.widgets.kit import pixels
from tests.widgets.trainings import TRUTH, recorded, steps, until

# What is kept.


@pytest.mark.parametrize("count", [0, 1, 5, LONGEST - 1, LONGEST, LONGEST + 1, 5000])
def test_a_curve_of_any_length_has_at_most_256_points_with_the_same_mean(count: int) -> None:
    values = np.random.default_rng(0).random(count)
    points = curve(values.tolist())
    assert len(points) <= LONGEST
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    if count < LONGEST:
        assert points == [(k + 1, pytest.approx(value)) for k, value in enumerate(values)]
    if count:
        width = 2 * points[0][0] - 1  # steps in a mean
        weights = [min(width, count - k * width) for k in range(len(points))]
        assert np.average([y for _, y in points], weights=weights) == pytest.approx(values.mean())
        assert np.average([x for x, _ in points], weights=weights) == pytest.approx((count + 1) / 2)


def test_validations_are_thinned_and_the_first_and_the_last_stay() -> None:
    record = recorded(500, every=1)
    numbers = [validation.number for validation in record.validations]
    assert MOST / 2 <= len(numbers) <= MOST and numbers[0] == 1 and numbers[-1] == 500
    assert len(record.scores) == 500 and numbers == sorted(numbers)


def test_what_was_before_an_interruption_is_on_the_curves() -> None:
    (*_, last) = steps(6)
    record = Record()
    record.take(last)
    assert record.scores == [(2, pytest.approx(1)), (4, pytest.approx(1)), (6, pytest.approx(1))]
    assert len(record.losses) == 6 and [one.number for one in record.validations] == [6]


def test_a_large_image_is_made_small_by_leaving_pixels_out() -> None:
    mask = torch.arange(600 * 20).reshape(600, 20)
    assert torch.equal(small(mask), mask[::4, ::4]) and torch.equal(small(mask[:256]), mask[:256])


# What is shown and sent.


def test_every_state_of_every_length_can_be_shown() -> None:
    for count, every, status in itertools.product((0, 1, 2, 3, 30), (0, 1, 2), reading.STATUS):
        record = recorded(count, every=every)
        for chart in (reading.loss_chart(record, status), reading.score_chart(record, status)):
            places = np.concatenate([line.points for line in chart.lines]).flatten()
            assert all(0 <= place <= 1 for place in places), (count, every, status)
            assert all(0 <= at <= 1 for at, _ in [*chart.across, *chart.up])
        assert reading.description(record, status).startswith(f"{status.capitalize()}: ")
        sent = reading.now(record, status, "")
        json.dumps(sent, default=lambda value: value.hex(), allow_nan=False)
        assert 0 <= sent["done"] <= 1


def test_the_curve_is_the_losses_and_a_loss_below_zero_can_be_drawn() -> None:
    record = recorded(4, every=0)
    chart, right = reading.loss_chart(record, "finished"), reading.last_step(record, "finished")
    high = 0.5 / next(at for at, text in chart.up if text == "0.5")
    assert [x * right for x, _ in chart.lines[0].points] == pytest.approx([1, 2, 3, 4])
    assert [y * high for _, y in chart.lines[0].points] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])
    below = Record(step=replace(record.step, history=History([-100.0, -99.0])))
    assert [line.points[:, 1].tolist() for line in reading.loss_chart(below, "finished").lines] == [
        [0, 0]
    ] * 2


def test_bars_are_those_of_the_confusion_matrix() -> None:
    (validation,) = recorded(2, pred=torch.tensor([[0, 1, 1], [0, 2, 0]], dtype=torch.uint8)).validations
    iou, true, predicted = reading.columns(validation)
    assert iou["texts"] == ["33.3 %", "50.0 %", "50.0 %"] and iou["lengths"][0] == pytest.approx(1 / 3)
    assert true["texts"] == ["40.0 %", "20.0 %", "40.0 %"]
    assert predicted["texts"] == ["40.0 %", "40.0 %", "20.0 %"]
    assert predicted["lengths"][1] == pytest.approx(1 + math.log10(0.4) / 3)
    assert validation.preds is not None
    assert reading.right_share(validation.preds[0], TRUTH) == pytest.approx(3 / 5)
    words = reading.validation_words(validation)
    assert words == "After step 2 (1 s): mean IoU 44.4 %, best square (50.0 %), worst background (33.3 %)."


def test_a_class_that_is_nowhere_has_no_iou() -> None:
    (validation,) = recorded(2, pred=torch.zeros(2, 3, dtype=torch.uint8)).validations
    columns = reading.columns(validation)
    assert [column["texts"][1] for column in columns] == ["0.0 %", "20.0 %", "0.0 %"]
    assert columns[2]["lengths"][1] == 0


def test_the_classes_of_the_batches_are_counted_on_request() -> None:
    data, seen = Squares(4), Seen(cross_entropy)
    one_image = torch.tensor([0.0, 0.0, 1.0, 0.0])
    options = {"steps": 3, "batch_size": 2, "augment": None, "precision": "float32", "val": data}
    run = train(Net(), data, loss=seen, weights=one_image, val_every=3, **options)
    monitor = Monitor(run, seen=seen)
    pixels = data[2][1].flatten().long().bincount(minlength=256)
    assert torch.equal(seen.pixels, 6 * pixels)  # not what `train` tried the loss on
    number = len(data.classes)
    expected = pixels[:number] / pixels[:number].sum()
    column = monitor.validations[0]["columns"][1]
    assert column["title"] == "Batches"
    assert column["texts"] == [f"{100 * share:.1f} %" for share in expected.tolist()]
    assert len(Monitor(train(Net(), data, **options), seen=None).validations[0]["columns"]) == 3


def test_a_validation_is_looked_at_by_its_step() -> None:
    record = recorded(10)
    assert [reading.looked_at(record, k).number for k in (-1, 0, 4, 5, 7, 99)] == [10, 2, 4, 4, 6, 10]  # type: ignore[union-attr]
    assert reading.looked_at(Record(), -1) is None


def test_what_is_sent_is_small_and_complete() -> None:
    run = train(Net(), Squares(), steps=40, batch_size=4, val=Squares(6, split="val"), val_every=4)
    monitor = Monitor(run)
    assert len(monitor.validations) == 10 and len(monitor.data["images"]) == 4
    truth = zlib.decompress(monitor.data["images"][1]["labels"])
    labels = zlib.decompress(monitor.validations[-1]["frames"][1]["labels"])
    assert monitor._record.images and truth == monitor._record.images[1][1].numpy().tobytes()
    assert labels == monitor._record.validations[-1].preds[1].numpy().tobytes()  # type: ignore[index]
    marked = [[line["marked"] for line in chart["lines"]] for chart in monitor.now["charts"]]
    assert marked == [[False, False], [True]]  # forty steps, ten validations
    line = monitor.now["charts"][0]["lines"][0]["points"]
    assert len(struct.unpack(f"<{len(line) // 4}f", line)) == 80
    bound = Record(step=replace(monitor.step, history=History([1.0] * 100_000)))
    sent = reading.now(bound, "training", "")
    assert sum(len(line["points"]) for chart in sent["charts"] for line in chart["lines"]) < 6_000


def test_it_has_an_image_and_a_description() -> None:
    monitor = Monitor(steps(6))
    assert pixels(monitor.still()).shape == (416, 720, 3)
    assert repr(monitor).splitlines() == [
        "Finished: 6 steps, 3 s.",
        f"Loss: 1.000 at first, {monitor.now['charts'][0]['title'].split()[1]} now, smoothed.",
        "Mean IoU: 100.0 % after step 2, 100.0 % after step 6, the best 100.0 % after step 2.",
        "After step 6 (3 s): mean IoU 100.0 %.",
        "Step 3: Out of memory.",
    ]


def test_without_validation_there_are_curves_only() -> None:
    monitor = Monitor(steps(3, every=0))
    assert monitor.data == {} and monitor.validations == [] and "no validation yet" in repr(monitor)
    assert pixels(monitor.still()).shape == (208, 720, 3)


# Its thread: pause, resume, stop and errors.


def wait(monitor: Monitor) -> None:
    """Until the run is over; raises what ended it."""
    asyncio.run(monitor.finished())


def failing(count: int, error: Exception) -> Iterator[Step]:
    yield from steps(count)
    raise error


def gated(count: int, begin: threading.Event, **settings: Any) -> Iterator[Step]:
    """Steps that wait for `begin`."""
    begin.wait(10)
    yield from steps(count, **settings)


def test_pause_resume_and_stop_leave_a_usable_net() -> None:
    net = Net()
    settings = {"batch_size": 4, "precision": "float32", "device": "cpu"}
    monitor = Monitor(train(net, Squares(), steps=10_000_000, **settings), live=True)
    until(lambda: monitor._record.step and monitor.step.number > 3)
    monitor.request = "pause"
    until(lambda: monitor.status == "paused")
    number = monitor.step.number
    time.sleep(0.1)
    assert monitor.step.number == number
    assert reading.progress(monitor._record, "paused") == monitor.now["progress"]
    monitor.request = "train"
    until(lambda: monitor.step.number > number and monitor.status == "training")
    monitor.request = "pause"
    until(lambda: monitor.status == "paused")
    monitor.request = "stop"  # also while it is paused
    wait(monitor)
    assert monitor.status == "stopped" and not net.training
    assert net(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)).shape == (1, 3, 8, 8)


def test_a_stop_before_the_first_step_leaves_one_and_a_step_that_is_not_there_is_explained() -> None:
    monitor = Monitor(gated(100, begin := threading.Event()), live=True)
    with pytest.raises(RuntimeError, match=r"no step yet; .*finished"):
        monitor.step.number  # noqa: B018
    monitor.request = "stop"
    begin.set()
    wait(monitor)
    assert (monitor.status, monitor.step.number) == ("stopped", 1)


def test_an_error_in_the_thread_is_shown_and_raised_each_time_it_is_asked_for() -> None:
    monitor = Monitor(failing(2, ValueError("the loss is nan at step 3")), live=True)
    for _ in range(2):
        with pytest.raises(ValueError, match="nan at step 3"):
            wait(monitor)
    assert monitor.status == "failed" and monitor.now["failure"] == "ValueError: the loss is nan at step 3"
    monitor = Monitor([1, 2], live=True)  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"the steps that train.* not a int"):
        wait(monitor)


def test_an_error_in_showing_the_end_is_raised_and_the_card_no_longer_says_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monitor = Monitor(gated(10, begin := threading.Event()), live=True)
    monkeypatch.setattr("seglib.widgets.monitor.reading.now", lambda *_: 1 / 0)
    begin.set()
    with pytest.raises(ZeroDivisionError):
        wait(monitor)
    assert monitor.status in ("finished", "failed")


def test_a_run_that_is_over_is_not_remembered_for_the_end_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("atexit.register", asked.append)
    monkeypatch.setattr("atexit.unregister", asked.remove)
    wait(Monitor(steps(1), live=True))
    until(lambda: not asked)


def test_others_work_while_one_waits_and_an_interrupt_stops_the_run() -> None:
    async def both() -> list[str]:
        begin = threading.Event()
        monitor = Monitor(gated(3, begin), live=True)
        waiting = asyncio.ensure_future(monitor.finished())
        await asyncio.sleep(0)
        begin.set()  # is not reached where waiting blocks
        await waiting
        endless = Monitor(steps(10**7, every=0), live=True)
        waiting = asyncio.ensure_future(endless.finished())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return [monitor.status, endless.status]

    assert asyncio.run(both()) == ["finished", "stopped"]


def test_a_new_run_stops_an_older_one() -> None:
    older, newer = Monitor(steps(10**7, every=0), live=True), Monitor(steps(3), live=True)
    wait(newer)
    assert older.status == "stopped" and newer.status == "finished"


def test_it_sends_at_most_once_a_second_and_images_every_other(monkeypatch: pytest.MonkeyPatch) -> None:
    now, sent = [100.0], list[str]()
    monkeypatch.setattr("seglib.widgets.monitor.monitor.time", SimpleNamespace(monotonic=lambda: now[0]))
    begin = threading.Event()

    def run() -> Iterator[Step]:
        for step in gated(500, begin, every=5):
            now[0] += 0.0125  # 6.25 seconds in all
            yield step

    monitor = Monitor(run(), live=True)
    monitor.observe(lambda change: sent.append(change.name))
    begin.set()
    wait(monitor)
    assert [sent.count(name) for name in ("now", "validations", "data")] == [8, 4, 1]


def test_a_button_is_a_message_and_a_wrong_one_is_an_error() -> None:
    monitor = Monitor(steps(1))
    monitor._handle_custom_msg({"request": "pause"}, [])
    assert monitor.request == "pause"
    with pytest.raises(traitlets.TraitError, match="request"):
        monitor._receive(monitor, {"request": "explode"}, [])
    assert "request" in monitor.error


test_what_is_not_a_training_run_is_refused = refused(
    Monitor,
    *((wrong, r"the steps that train\(net, dataset, ...\) returns, not a") for wrong in (Net(), 3, None)),
)


def test_a_notebook_that_is_run_by_a_program_trains_in_the_cell() -> None:
    cells = [
        "from seglib.widgets import Monitor\nfrom tests.widgets.trainings import steps\n"
        "monitor = Monitor(steps(3))\nmonitor",
        "assert monitor.status == 'finished'\nawait monitor.finished()",
        "import threading\ndef failing():\n    yield from steps(3)\n"
        "    raise RuntimeError(f'no luck in {threading.current_thread().name}')\nMonitor(failing())",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, allow_errors=True).execute()
    (shown, _), waited, (failed,) = (cell.outputs for cell in notebook.cells)  # a copy and the view
    assert "Finished: 3 steps" in shown.data["text/html"] and waited == []
    assert failed.output_type == "error" and failed.evalue == "no luck in MainThread"
