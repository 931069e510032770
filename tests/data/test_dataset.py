"""What every data set can do: negative numbers, subsets, joining, and dividing names into splits."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seglib.data.catalog import load
from seglib.data.dataset import SHARES, by_name
from seglib.scenes import Scenes

names = st.lists(st.text(min_size=1), unique=True)


@given(length=st.integers(1, 300), n=st.integers(1, 400))
def test_spread_covers_the_whole_split(length: int, n: int) -> None:
    """First and last, in order, no sample twice, and gaps that differ by one at most."""
    indices = [int(name) for name in Scenes(length).spread(n).names()]
    assert len(indices) == min(n, length) and indices[0] == 0
    if n > 1:
        assert indices[-1] == length - 1
    gaps = [b - a for a, b in pairwise(indices)]
    assert not gaps or (min(gaps) >= 1 and max(gaps) - min(gaps) <= 1)


def test_negative_numbers_count_from_the_end(make_folder) -> None:
    mask = torch.zeros(20, 30, dtype=torch.uint8)
    folder = load(make_folder([mask.numpy()] * 9))
    scenes = Scenes(3, size=(48, 64))
    for data in (scenes, folder, load("photo"), scenes + scenes, scenes.subset([2, 0]), folder.spread(2)):
        last = len(data) - 1
        assert torch.equal(data[-1][0], data[last][0]) and data.sample_id(-1) == data.sample_id(last)
        assert data.origin(-1) == data.origin(last)
        for outside in (len(data), -len(data) - 1):
            with pytest.raises(IndexError):
                data[outside]
        assert len(list(data)) == len(data)


def test_samples_objects_and_origins_come_from_the_right_part() -> None:
    first, second = Scenes(3, size=(48, 64)), Scenes(2, seed=9, size=(64, 48)).subset([1, 0])
    both = first + second
    assert len(both) == 5 and both.classes == first.classes
    for index, (source, number) in enumerate([(first, 0), (first, 1), (first, 2), (second, 0), (second, 1)]):
        for got, expected in zip(both[index], source[number]):
            assert torch.equal(got, expected)
        assert torch.equal(both.instances(index).masks, source.instances(number).masks)
        assert both.origin(index) == source.origin(number)
        assert both.sample_id(index) == source.sample_id(number)
    with pytest.raises(ValueError, match="different classes"):
        first + load("photo")
    with pytest.raises(ValueError, match="at least one"):
        first.spread(0)
    assert len(Scenes(0).spread(2)) == 0


@given(names)
def test_every_name_is_in_exactly_one_split_and_none_of_three_is_empty(some: list[str]) -> None:
    division = by_name(some)
    assert sorted(name for split in division.values() for name in split) == sorted(some)
    assert len(some) < 3 or all(division.values())


def test_names_are_divided_by_the_shares_and_more_names_move_none() -> None:
    some = [f"{k:05}" for k in range(10_000)]
    before, after = by_name(some[:500]), by_name(some)
    for split, share in SHARES.items():
        assert abs(len(after[split]) / 10_000 - share) < 0.02  # 4 standard deviations
        assert set(before[split]) <= set(after[split])
        assert after[split] == sorted(after[split])  # the order is kept
