"""A small network to be trained from scratch, made for two processor cores."""

from __future__ import annotations

from torch import Tensor, nn

from seglib.backbones.backbone import Backbone

_CHANNELS = (16, 32, 64, 128, 256)


def small(pretrained: bool = False) -> Backbone:
    """A strided residual network: a picture is at stride 4 after two cheap layers, where the work begins.

    Args:
        pretrained: has no effect; there are no weights to load.
    """
    stages: list[nn.Module] = []
    inputs = 3
    for index, channels in enumerate(_CHANNELS):
        down = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )
        stages.append(nn.Sequential(down, Residual(channels)) if index > 1 else down)
        inputs = channels
    return Backbone("small", stages=stages, channels=_CHANNELS, mean=(127,) * 3, std=(64,) * 3)


class Residual(nn.Module):
    """Two 3 x 3 convolutions whose result is added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return (x + self.layers(x)).relu_()
