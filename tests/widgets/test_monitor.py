"""The live monitor without a browser: what it keeps, what it shows and what travels."""

from __future__ import annotations

import io
import itertools
import json
import math
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from seglib.train import train
from seglib.widgets import Monitor
from seglib.widgets.monitor import packing, reading
from seglib.widgets.monitor.record import FRAMES, LONGEST, Curve, Record, small
from tests.training.nets import Net, Squares
from tests.widgets.trainings import TRUTH, recorded, steps

# What is kept.


@pytest.mark.parametrize("count", [0, 1, 5, LONGEST - 1, LONGEST, LONGEST + 1, 5000])
@pytest.mark.parametrize("portion", [1, 7, 10_000])
def test_a_curve_of_any_length_has_at_most_256_points_with_the_same_mean(count: int, portion: int) -> None:
    curve, values = Curve(), np.random.default_rng(0).random(count)
    for start in range(0, count, portion):
        curve.add(values[start : start + portion].tolist())
    points = curve.points()
    assert len(points) <= LONGEST and curve.count == count
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    if count < LONGEST:
        assert points == [(k + 1, pytest.approx(value)) for k, value in enumerate(values)]
    weights = [curve.width] * len(curve.means) + [len(curve.rest)] * bool(curve.rest)
    if count:
        assert np.average([y for _, y in points], weights=weights) == pytest.approx(values.mean())
        assert np.average([x for x, _ in points], weights=weights) == pytest.approx((count + 1) / 2)


def test_moments_are_thinned_and_the_first_and_the_last_stay() -> None:
    record = recorded(500, every=1)
    numbers = [moment.number for moment in record.moments]
    assert FRAMES / 2 <= len(numbers) <= FRAMES and numbers[0] == 1 and numbers[-1] == 500
    assert len(record.scores) == 500 and numbers == sorted(numbers)


def test_what_was_before_an_interruption_is_on_the_curves() -> None:
    (*_, last) = steps(6)
    record = Record()
    record.take(last)
    record.catch_up()
    assert record.scores == [(2, pytest.approx(1)), (4, pytest.approx(1)), (6, pytest.approx(1))]
    assert record.losses.count == 6 and [moment.number for moment in record.moments] == [6]


def test_a_large_image_is_made_small_by_leaving_pixels_out() -> None:
    mask = torch.arange(600 * 20).reshape(600, 20)
    assert torch.equal(small(mask), mask[::4, ::4]) and torch.equal(small(mask[:256]), mask[:256])


# What is shown.


def test_every_state_of_every_length_can_be_shown() -> None:
    for count, every, status in itertools.product((0, 1, 2, 3, 30), (0, 1, 2), reading.STATUS):
        record = recorded(count, every=every)
        for chart in (reading.loss_chart(record, status), reading.score_chart(record, status)):
            places = np.concatenate([chart.line, chart.smooth]).flatten()
            assert all(0 <= place <= 1 for place in places), (count, every, status)
            assert all(0 < at <= 1 for at, _ in [*chart.across, *chart.up])
        assert reading.says(record, status).endswith(".") and reading.description(record, status)
        sent = packing.now(record, status, "")
        json.dumps(sent, default=lambda value: value.hex(), allow_nan=False)
        assert 0 <= sent["done"] <= 1


def test_the_curve_is_the_losses() -> None:
    chart = reading.loss_chart(recorded(4, every=0), "finished")
    high = 0.5 / next(at for at, text in chart.up if text == "0.5")
    assert [x * chart.right for x, _ in chart.line] == pytest.approx([1, 2, 3, 4])
    assert [y * high for _, y in chart.line] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])


def test_bars_are_those_of_the_confusion_matrix() -> None:
    record = recorded(2, pred=torch.tensor([[0, 1, 1], [0, 2, 0]], dtype=torch.uint8))
    background, square, edge = reading.rows(record.moments[-1])
    assert background.texts == ("33.3 %", "40.0 %", "40.0 %") and background.iou == pytest.approx(1 / 3)
    assert square.texts == ("50.0 %", "20.0 %", "40.0 %") and edge.texts == ("50.0 %", "40.0 %", "20.0 %")
    assert square.predicted == pytest.approx(1 + math.log10(0.4) / 3)
    assert reading.right_share(record.moments[-1].preds[0], TRUTH) == pytest.approx(3 / 5)  # type: ignore[index]
    words = reading.moment_words(record.moments[-1])
    assert words == "After step 2 (1 s): mean IoU 44.4 %, best square (50.0 %), worst background (33.3 %)."


def test_a_class_that_is_nowhere_has_no_iou() -> None:
    record = recorded(2, pred=torch.zeros(2, 3, dtype=torch.uint8))
    sent = packing.moment(record.moments[-1], record)
    assert sent["rows"][1][3:] == ["0.0 %", "20.0 %", "0.0 %"] and sent["rows"][1][2] == 0


def test_a_moment_is_looked_at_by_its_step() -> None:
    record = recorded(10)
    assert [reading.looked_at(record, k).number for k in (-1, 0, 4, 5, 7, 99)] == [10, 2, 4, 4, 6, 10]  # type: ignore[union-attr]
    assert reading.looked_at(Record(), -1) is None


# What travels.


def test_what_travels_is_small_and_complete() -> None:
    monitor = Monitor(
        train(Net(), Squares(), steps=40, batch_size=4, val=Squares(6, split="val"), val_every=4)
    )
    assert len(monitor.moments) == 10 and len(monitor.data["images"]) == 4
    truth = zlib.decompress(monitor.data["images"][1]["truth"])
    labels = zlib.decompress(monitor.moments[-1]["frames"][1]["labels"])
    assert monitor.record.images and truth == monitor.record.images[1][1].numpy().tobytes()
    assert labels == monitor.record.moments[-1].preds[1].numpy().tobytes()  # type: ignore[index]
    line = monitor.now["charts"][0]["line"]
    assert len(struct.unpack(f"<{len(line) // 4}f", line)) == 80
    bound = Record(step=monitor.step)
    bound.losses.add([1.0] * 100_000)
    sent = packing.now(bound, "training", "")
    assert sum(len(chart[part]) for chart in sent["charts"] for part in ("line", "smooth")) < 6_000


def test_it_has_a_copy_without_a_kernel_and_a_description() -> None:
    monitor = Monitor(steps(6))
    assert Image.open(io.BytesIO(monitor.still())).size == (720, 416)
    html = monitor.to_html()
    assert "Finished after 6 steps, 3 s." in html and "export default" not in html
    assert repr(monitor).splitlines() == [
        "Finished after 6 steps, 3 s.",
        f"Loss: 1.000 at first, {monitor.now['charts'][0]['title'].split()[1]} now, smoothed.",
        "Mean IoU: 100.0 % after step 2, 100.0 % after step 6, the best 100.0 % after step 2.",
        "After step 6 (3 s): mean IoU 100.0 %.",
        "Step 3: Out of memory.",
    ]


def test_without_validation_there_are_curves_only() -> None:
    monitor = Monitor(steps(3, every=0))
    assert monitor.data == {} and monitor.moments == []
    assert Image.open(io.BytesIO(monitor.still())).size == (720, 208)
    assert "no validation yet" in repr(monitor)
