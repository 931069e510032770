"""Coarse scores made fine: bilinear interpolation, written as a transposed convolution that can be trained.

A cell of a coarse map looks at one place of the picture, and that is where its score must go. Which place it
is depends on the network. With odd kernels, cell i at stride s looks at pixel s * i: n cells reach over
(n - 1) * s + 1 pixels, the kernel has 2 s - 1 places, and no border has to be invented. With 2 x 2 pooling,
cell i looks at the middle of its s pixels (`centred`): n cells cover n * s pixels, the kernel has 2 s places,
and half a cell at the border fades.

Reference:
    Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015, sections 3.3 and
    4.3; VGG, their network, is a centred one. One kernel per class here, where their code has one from every
    class to every class, all 0 but the diagonal.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def bilinear_kernel(size: int) -> Tensor:
    """(size, size) weights with which a transposed convolution interpolates: a pyramid, 1 at its top.

    Example:
        >>> bilinear_kernel(3)  # doubles a map; each new pixel is the mean of its 1, 2 or 4 neighbours
        tensor([[0.2500, 0.5000, 0.2500],
                [0.5000, 1.0000, 0.5000],
                [0.2500, 0.5000, 0.2500]])
    """
    reach = (size + 1) // 2  # from the top to the first 0
    distance = (torch.arange(size) - (size - 1) / 2).abs()
    slope = 1 - distance / reach
    return slope[:, None] * slope


class Upsample(nn.ConvTranspose2d):
    """Each class's map `factor` times as fine, by bilinear interpolation, in float32.

    Args:
        num_classes: K.
        factor: 2 or more, even.
        centred: where the cells look, see the top of this file.
        learned: whether training may change the kernels.

    Raises:
        ValueError: the factor is odd.

    Example:
        >>> Upsample(1, 2)(torch.tensor([[[[0.0, 4.0]]]]))
        tensor([[[[0., 2., 4.]]]])
        >>> Upsample(1, 2, centred=True)(torch.tensor([[[[4.0, 4.0]]]]))[0, 0, 0]
        tensor([2.2500, 3.0000, 3.0000, 2.2500])
    """

    def __init__(
        self, num_classes: int, factor: int, *, centred: bool = False, learned: bool = False
    ) -> None:
        if factor < 2 or factor % 2:
            raise ValueError(f"factor {factor} must be even: 2, 4, 6 and so on")
        kernel, padding = (2 * factor, factor // 2) if centred else (2 * factor - 1, factor - 1)
        super().__init__(
            num_classes,
            num_classes,
            kernel,
            stride=factor,
            padding=padding,
            groups=num_classes,
            bias=False,
        )
        self.weight.data.copy_(bilinear_kernel(kernel))
        self.weight.requires_grad_(learned)
        self.learned, self.factor, self.border = learned, factor, padding

    def forward(self, scores: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(N, K, h, w) -> float32 (N, K, (h - 1) * factor + 1, ...), if centred (N, K, h * factor, ...)."""
        with torch.autocast(scores.device.type, enabled=False):
            if self.learned or output_size is not None:
                return super().forward(scores.float(), output_size)
            height, width = scores.shape[2:]
            return self._along(height).T @ scores.float() @ self._along(width)

    def _along(self, length: int) -> Tensor:
        """(length, fine length): what each cell of a row gives to each place of the fine row.

        A pyramid is a roof along the rows times a roof along the columns, so it all is two products of
        matrices. PyTorch's own way, with a group for each class, is slow on a GPU.
        """
        roof = self.weight[0, 0].diagonal().sqrt()
        cells = torch.eye(length, device=roof.device)
        rows = F.conv_transpose1d(cells[:, None], roof[None, None], stride=self.factor, padding=self.border)
        return rows[:, 0]
