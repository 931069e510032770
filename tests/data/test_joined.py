"""Two data sets, one after the other."""

import pytest
import torch

from seglib.data.balance import count
from seglib.data.catalog import load
from seglib.scenes import Scenes


def test_samples_objects_and_origins_come_from_the_right_part():
    first, second = Scenes(3, size=(48, 64)), Scenes(2, seed=9, size=(64, 48)).subset([1, 0])
    both = first + second
    assert len(both) == 5 and len(list(both)) == 5 and both.classes == first.classes
    for index, (source, number) in enumerate([(first, 0), (first, 1), (first, 2), (second, 0), (second, 1)]):
        for got, wanted in zip(both[index], source[number]):
            assert torch.equal(got, wanted)
        assert torch.equal(both.instances(index).masks, source.instances(number).masks)
        assert both.origin(index) == source.origin(number)
        assert both.sample_id(index) == source.sample_id(number)
    assert torch.equal(both[-1][1], second[1][1])
    with pytest.raises(IndexError, match="there are 5"):
        both[5]


def test_counts_add_up():
    first, second = Scenes(3, size=(48, 64)), Scenes(2, seed=9, size=(64, 48))
    assert torch.equal(count(first + second).pixels, torch.cat([count(first).pixels, count(second).pixels]))


def test_other_classes_are_refused():
    with pytest.raises(ValueError, match="different classes: background, fish"):
        Scenes(1) + load("photo")
