"""Large images in tiles: what the whole gives, at every size, without seams."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seglib import backbones, tiles
from seglib.data.catalog import load
from seglib.fcn import FCN, FCNSegmenter
from seglib.labels import Classes
from seglib.segmenters import NetSegmenter

TWO = Classes.of("background", "fish")


class Near(nn.Module):
    """Sees 9 pixels far, and halves twice, so that a tile on another grid would give other scores."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.down = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 2, 3, 2, 1))
        self.up = nn.Upsample(scale_factor=4, mode="bilinear")

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        padded = nn.functional.pad(images.float() / 255, (0, -width % 4, 0, -height % 4))
        self.seen = max(getattr(self, "seen", 0), height * width)
        return self.up(self.down(padded))[..., :height, :width]


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Memory for a tile of about this many pixels a side, and for strips of a few rows."""

    def set_(side: int) -> None:
        monkeypatch.setattr(tiles, "SMALL", 0)
        monkeypatch.setattr(tiles, "STRIP", 2000)
        monkeypatch.setattr(tiles, "tile_side", lambda *_: side)
        monkeypatch.setattr("seglib.segmenters.tile_side", lambda *_: side)

    return set_


def noise(height: int, width: int) -> Tensor:
    rng = torch.Generator().manual_seed(height)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=rng)


@pytest.mark.parametrize("side", [96, 128, 192])
@pytest.mark.parametrize("shape", [(400, 333), (70, 500), (96, 96), (5, 300)])
@pytest.mark.parametrize("options", [{}, {"scale": 0.5}, {"scale": 1.5}, {"size": (100, 300)}])
def test_tiles_are_the_whole_where_a_net_sees_no_farther_than_the_margin(side, shape, options, little):
    image, net = noise(*shape), Near()
    segmenter = NetSegmenter(net, TWO, **options)
    whole, scores = segmenter.predict(image), segmenter.probabilities(image)
    net.seen = 0
    little(side)
    torch.testing.assert_close(segmenter.probabilities(image), scores, rtol=1e-4, atol=1e-5)
    differ = (segmenter.predict(image) != whole).float().mean()
    assert differ <= 1e-3 and net.seen <= side * side  # ties of rounding


def test_memory_decides_and_a_small_image_is_never_cut(monkeypatch):
    net, image = Near(), noise(1000, 1000)
    each = 4 * 1000 * 1000
    monkeypatch.setattr(tiles, "free_bytes", lambda device: 1e12)
    assert tiles.tile_side(net, image, (1000, 1000), 2) is None
    monkeypatch.setattr(tiles, "free_bytes", lambda device: 12 * each)
    side = tiles.tile_side(net, image, (1000, 1000), 2)
    assert side is not None and side % 32 == 0 and 96 <= side < 1000
    monkeypatch.setattr(tiles, "free_bytes", lambda device: 1e3)
    assert tiles.tile_side(net, image, (1000, 1000), 2) == 96
    assert tiles.tile_side(net, noise(100, 100), (100, 100), 2) is None


def test_seams_cannot_be_seen_on_a_real_photograph(photographs, little):
    """lite0 sees the whole image: tiles at other places change few pixels, though its scores are random."""
    photo = load("camvid", "test")[0][0].as_subclass(Tensor)
    image = nn.functional.interpolate(photo[None].float(), (480, 640), mode="bilinear")[0].to(torch.uint8)
    torch.manual_seed(0)
    net = FCN(backbones.load("lite0"), 2, stride=8)
    for score in (net.score, *net.skips.values()):
        nn.init.normal_(score.weight, std=0.1)
    segmenter = FCNSegmenter(net, TWO)
    whole = segmenter.predict(image)
    little(480)
    cut = segmenter.predict(image)
    little(416)
    shifted = segmenter.predict(image)
    for one, other in ((cut, whole), (cut, shifted)):
        assert 0.2 < one.float().mean() < 0.8 and (one != other).float().mean() < 0.04


def test_an_image_of_many_pixels_needs_no_scores_of_all(monkeypatch):
    """Seen small, enlarged in strips: the scores of all pixels are never there at once."""
    sizes = []

    def watched(*given: Any) -> Iterator[tiles.Scored]:
        for rows, columns, scores in tiles.tiled(*given):
            sizes.append(scores.numel())
            yield rows, columns, scores

    monkeypatch.setattr("seglib.segmenters.tiled", watched)
    monkeypatch.setattr(tiles, "ROOM", 1e6)
    monkeypatch.setattr(tiles, "STRIP", 10_000)
    cut = NetSegmenter(Near(), TWO, size=(80, 80)).predict(noise(640, 640))
    assert cut.shape == (640, 640) and sum(sizes) == 2 * 640 * 640 and max(sizes) <= 10_000
