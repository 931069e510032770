from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from seglib.course.budget import PUBLISHED, Price, budget, price


@pytest.mark.usefixtures("home")
def test_without_own_seconds_the_published_ones_count() -> None:
    assert budget() is PUBLISHED
    assert "published" in budget().source and "Papadopoulos" in budget().source
    assert (PUBLISHED.box, PUBLISHED.mask) == (7.0, pytest.approx(22 * 3600 / 1000))
    assert PUBLISHED.boxes_per_mask == pytest.approx(11.3, abs=0.05)


def test_own_seconds_are_kept_for_later_notebooks(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert price(5.5, 44.0) == budget() == Price(5.5, 44.0, "your own boxes and polygons in notebook 03")
    assert "as much as 8.0 boxes" in capsys.readouterr().out
    assert json.loads((home / "prices.json").read_text()) == {"box": 5.5, "mask": 44.0}
    price(6.0, 30.0)
    assert budget().buys(hours=0.5) == {"boxes": 300, "masks": 60}


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        ((math.nan, 40), "no box has been drawn"),
        ((5, math.nan), "no polygon has been drawn"),
        ((0, 40), "for a box must be above 0 .*, got 0"),
        ((5, -1), "for a polygon .*, got -1"),
        ((5, math.inf), "for a polygon .*, got inf"),
    ],
)
@pytest.mark.usefixtures("home")
def test_impossible_seconds_are_refused_and_nothing_is_kept(
    seconds: tuple[float, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        price(*seconds)
    assert budget() is PUBLISHED


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"box": 5}', '{"box": 5, "mask": NaN}', '{"box": "x", "mask": 1}']
)
def test_a_broken_file_counts_as_none(home: Path, text: str) -> None:
    (home / "prices.json").write_text(text)
    assert budget() is PUBLISHED
    price(5, 40)
    assert budget().box == 5
