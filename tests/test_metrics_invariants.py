"""metrics: what must hold for whatever prediction and truth."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seglib.metrics import confusion_matrix

CALM = settings(deadline=None, derandomize=True, max_examples=200)  # a busy machine is no failure


def pixels(num_classes: int) -> st.SearchStrategy[tuple[Tensor, Tensor]]:
    """Pairs of prediction and truth with void."""
    pair = st.tuples(st.integers(0, num_classes - 1), st.sampled_from([*range(num_classes), 255]))
    return st.lists(pair, min_size=1, max_size=60).map(lambda pairs: torch.tensor(pairs).T.unbind())


@given(pixels(4))
@CALM
def test_the_matrix_sums_to_the_counted_pixels(pair: tuple[Tensor, Tensor]):
    pred, mask = pair
    cm = confusion_matrix(pred, mask, 4)
    assert cm.sum() == (mask != 255).sum()
    assert cm.sum(dim=1).tolist() == [(mask == index).sum() for index in range(4)]


@given(pixels(4), pixels(4))
@CALM
def test_matrices_add_up(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]):
    both = (torch.cat(halves) for halves in zip(first, second))
    parts = confusion_matrix(*first, 4) + confusion_matrix(*second, 4)
    assert torch.equal(confusion_matrix(*both, 4), parts)


@given(pixels(4))
@CALM
def test_swapping_truth_and_prediction_transposes(pair: tuple[Tensor, Tensor]):
    pred, mask = (values[pair[1] != 255] for values in pair)
    assert torch.equal(confusion_matrix(mask, pred, 4), confusion_matrix(pred, mask, 4).T)
    assert torch.equal(confusion_matrix(mask, mask, 4), torch.bincount(mask, minlength=4).diag())


@given(pixels(4), st.integers(0, 255))
@CALM
def test_what_is_predicted_at_void_does_not_matter(pair: tuple[Tensor, Tensor], anything: int):
    pred, mask = pair
    changed = torch.where(mask == 255, anything, pred)
    assert torch.equal(confusion_matrix(changed, mask, 4), confusion_matrix(pred, mask, 4))


@given(pixels(4), st.integers(-(2**63), 2**63 - 1).filter(lambda value: not 0 <= value < 4), st.booleans())
@CALM
def test_a_value_that_is_no_class_is_never_counted(pair: tuple[Tensor, Tensor], value: int, in_mask: bool):
    pred, mask = (torch.cat([values, torch.tensor([0])]) for values in pair)
    (mask if in_mask else pred)[-1] = value
    if in_mask and value == 255:
        return  # this is void
    name = "mask" if in_mask else "pred"
    with pytest.raises(ValueError, match=rf"^{name} holds the value {value}\b.*the classes are 0\.\.3$"):
        confusion_matrix(pred, mask, 4)
