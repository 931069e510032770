from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from seglib.course.budget import PUBLISHED, Price, budget, price
from seglib.data.annotations import Agreement, AnnotatedImage, Annotation, AnnotationSet


@pytest.mark.usefixtures("home")
def test_without_own_seconds_the_published_ones_count() -> None:
    assert budget() is PUBLISHED
    assert "published" in budget().source and "Papadopoulos" in budget().source
    assert (PUBLISHED.box, PUBLISHED.mask) == (7.0, pytest.approx(22 * 3600 / 1000))
    assert PUBLISHED.boxes_per_mask == pytest.approx(11.3, abs=0.05)


def drawn(seconds: float, number: int = 10, shift: int = 0) -> SimpleNamespace:
    """What an annotator holds: `number` boxes on two images, each `shift` pixels beside a true one."""
    half = [number // 2, number - number // 2]
    one = Annotation("fish", (0, 0, 10, 10))
    images = [AnnotatedImage(f"{k}.png", 10, 10, (one,) * count) for k, count in enumerate(half)]
    found = [
        Agreement(torch.full((n,), 1 - shift / 10), torch.arange(n), torch.ones(n).bool(), ()) for n in half
    ]
    return SimpleNamespace(
        annotations=AnnotationSet(("fish",), tuple(images)),
        work=half,
        seconds_per_object=seconds,
        agreement=found.__getitem__,
    )


def test_own_seconds_are_kept_for_later_notebooks(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = Price(5.5, 44.0, "your own boxes and polygons in notebook 03b")
    assert price(drawn(5.5), drawn(44.0, shift=2)) == budget() == own
    assert "as much as 8.0 boxes" in capsys.readouterr().out
    price(drawn(6.0), drawn(30.0))
    assert budget().buys(hours=0.5) == {"boxes": 300, "masks": 60}
    (home / "prices.json").write_text('{"box": 3.9, "mask": 3.2}')  # two scribbles, as earlier versions kept
    assert budget() is PUBLISHED


@pytest.mark.parametrize(
    ("boxes", "polygons", "said"),
    [
        (drawn(4, number=4), drawn(3), "You have drawn 4 boxes; your own seconds count from 10 on."),
        (drawn(4), drawn(math.nan, number=0), "You have drawn 0 polygons"),
        (drawn(4), drawn(3, shift=4), "Your polygons overlap the true ones by 0.60 (mean IoU)"),
        (drawn(0), drawn(3), "Your boxes took 0 s each, which cannot be."),
        (drawn(4), drawn(math.inf), "Your polygons took inf s each"),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_few_scribbles_are_no_price(
    boxes: SimpleNamespace, polygons: SimpleNamespace, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert price(boxes, polygons) is budget() is PUBLISHED
    shown = capsys.readouterr().out
    assert "The published price is used." in shown and said in shown and "Papadopoulos" in shown


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"box": 5}', '{"box": 5, "mask": NaN}', '{"box": "x", "mask": 1}']
)
def test_a_broken_file_counts_as_none(home: Path, text: str) -> None:
    (home / "prices.json").write_text(text)
    assert budget() is PUBLISHED
    price(drawn(5), drawn(40))
    assert budget().box == 5
