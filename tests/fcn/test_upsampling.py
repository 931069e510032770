"""Transposed convolutions that interpolate."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from seglib.fcn import Upsample, bilinear_kernel


def papers_kernel(size: int) -> torch.Tensor:
    """As in the code of the FCN paper (surgery.py, upsample_filt)."""
    factor = (size + 1) // 2
    center = factor - 1 if size % 2 == 1 else factor - 0.5
    rows = torch.arange(size)[:, None]
    return (1 - (rows - center).abs() / factor) * (1 - (rows.T - center).abs() / factor)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 15, 16, 31, 32, 63, 64])
def test_the_kernel_is_the_papers(size: int) -> None:
    torch.testing.assert_close(bilinear_kernel(size), papers_kernel(size))


@pytest.mark.parametrize("factor", [2, 8, 16, 32])
@pytest.mark.parametrize("size", [(1, 1), (3, 4)])
def test_it_interpolates_between_the_cells(factor: int, size: tuple[int, int]) -> None:
    scores = torch.randn(2, 3, *size)
    fine = Upsample(3, factor)(scores)
    expected = [(length - 1) * factor + 1 for length in size]
    torch.testing.assert_close(fine, F.interpolate(scores, expected, mode="bilinear", align_corners=True))
    torch.testing.assert_close(fine[..., ::factor, ::factor], scores)  # a cell keeps its score at its pixel


@pytest.mark.parametrize("factor", [2, 8, 16, 32])
def test_centred_it_does_too_but_for_half_a_cell_at_the_border(factor: int) -> None:
    scores, rim = torch.randn(2, 3, 3, 4), factor // 2
    fine = Upsample(3, factor, centred=True)(scores)
    expected = F.interpolate(scores, scale_factor=factor, mode="bilinear", align_corners=False)
    assert fine.shape == expected.shape
    inner = (..., slice(rim, -rim), slice(rim, -rim))
    torch.testing.assert_close(fine[inner], expected[inner])


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("factor", [2, 8, 32])
def test_fixed_it_is_the_same_transposed_convolution(factor: int, centred: bool) -> None:
    """It takes a shorter way; an oracle: the layer whose kernels may be trained, which takes PyTorch's."""
    fixed, learned = (Upsample(3, factor, centred=centred, learned=learned) for learned in (False, True))
    scores, weights = torch.randn(2, 3, 5, 4, requires_grad=True), torch.randn(1)
    results = [layer(scores) for layer in (fixed, learned)]
    torch.testing.assert_close(*results)
    grads = [torch.autograd.grad((result.sin() * weights).sum(), scores)[0] for result in results]
    torch.testing.assert_close(*grads, rtol=1e-4, atol=2e-3)  # of about 100, a sum over 4000 pixels


def test_classes_do_not_mix() -> None:
    scores = torch.zeros(1, 3, 4, 4)
    scores[:, 1] = 1
    fine = Upsample(3, 2)(scores)
    assert (fine[:, [0, 2]] == 0).all() and (fine[:, 1] == 1).all()


@pytest.mark.parametrize("learned", [False, True])
def test_the_kernel_is_trained_only_if_asked_for(learned: bool) -> None:
    layer = Upsample(3, 2, learned=learned)
    assert layer.weight.requires_grad == learned


def test_float32_inside_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert Upsample(2, 4)(torch.randn(1, 2, 3, 3, dtype=torch.bfloat16)).dtype == torch.float32


@pytest.mark.parametrize("factor", [0, 1, 3, -2])
def test_an_odd_factor_gets_one_sentence(factor: int) -> None:
    with pytest.raises(ValueError, match=f"factor {factor} must be even"):
        Upsample(1, factor)
