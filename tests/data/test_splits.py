"""Divisions by name: the same everywhere, without overlap, stable when images are added."""

from hypothesis import given
from hypothesis import strategies as st

from seglib.data.dataset import SHARES, by_name

names = st.lists(st.text(min_size=1), unique=True)


@given(names)
def test_every_name_is_in_exactly_one_split(some: list[str]) -> None:
    division = by_name(some)
    assert sorted(name for split in division.values() for name in split) == sorted(some)


@given(names.filter(lambda some: len(some) >= 3))
def test_no_split_is_empty(some: list[str]) -> None:
    assert all(by_name(some).values())


def test_adding_images_moves_none() -> None:
    some = [f"image {k}" for k in range(1000)]
    before, after = by_name(some[:500]), by_name(some)
    for split in SHARES:
        assert set(before[split]) <= set(after[split])


def test_shares_are_met_on_average() -> None:
    division = by_name(f"image {k}" for k in range(10_000))
    for split, share in SHARES.items():
        assert abs(len(division[split]) / 10_000 - share) < 0.02  # 4 standard deviations


def test_order_is_kept() -> None:
    some = [f"{k:04}" for k in range(100)]
    assert all(part == sorted(part) for part in by_name(some).values())
