"""What travels to the browser: places, words and images, none of which is computed there."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image as Pillow
from torch import Tensor

from seglib.widgets.monitor import reading
from seglib.widgets.monitor.reading import Chart
from seglib.widgets.monitor.record import Moment, Record
from seglib.widgets.monitor.scale import Places
from seglib.widgets.pack import deflate


def now(record: Record, status: str, failure: str) -> dict[str, Any]:
    """What changes once a second: a few words, and two curves as bytes, some kilobytes in all."""
    return {
        "says": reading.says(record, status),
        "tiles": reading.tiles(record),
        "done": round(record.step.done if record.step else 0.0, 4),
        "failure": failure,
        "messages": [f"Step {at:,}: {text}" for at, text in record.messages[-20:]],
        "charts": [_chart(reading.loss_chart(record, status)), _chart(reading.score_chart(record, status))],
    }


def fixed(record: Record) -> dict[str, Any]:
    """What never changes after the first validation: classes, images and their truth."""
    classes = record.classes
    if classes is None:
        return {}
    images = []
    if record.images is not None:
        for image, mask in zip(*record.images):
            height, width = mask.shape
            one = {"width": width, "height": height, "image": _jpeg(image), "truth": deflate(mask)}
            images.append(one)
    return {
        "classes": [{"name": name, "color": color} for name, color in zip(classes.names, classes.colors)],
        "void": classes.void_color,
        "images": images,
    }


def moment(one: Moment, record: Record) -> dict[str, Any]:
    """A validation: bars and words of every class, and the label maps of the few images."""
    frames = []
    if one.preds is not None and record.images is not None:
        for pred, mask in zip(one.preds, record.images[1]):
            right = reading.cent(reading.right_share(pred, mask), 0)
            frames.append({"labels": deflate(pred), "right": right})
    return {
        "number": one.number,
        "title": f"step {one.number:,}, mean IoU {reading.cent(one.scores.mean_iou)}",
        "words": reading.moment_words(one),
        "rows": [
            [round(row.iou, 4), round(row.true, 4), round(row.predicted, 4), *row.texts]
            for row in reading.rows(one)
        ],
        "frames": frames,
    }


def _chart(chart: Chart) -> dict[str, Any]:
    return {
        "title": chart.title, "words": chart.words, "right": chart.right, "across": chart.across,
        "up": chart.up, "line": _floats(chart.line), "smooth": _floats(chart.smooth),
    }  # fmt: skip


def _floats(places: Places) -> bytes:
    """x, y, x, y ... as little-endian float32."""
    return places.astype("<f4").tobytes()


def _jpeg(image: Tensor) -> bytes:
    """(3, h, w) uint8 -> a JPEG: the image lies below colours, and nobody counts its pixels."""
    file = io.BytesIO()
    photo = Pillow.fromarray(image.permute(1, 2, 0).contiguous().numpy())
    photo.save(file, "JPEG", quality=88, subsampling=0)
    return file.getvalue()
