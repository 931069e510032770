"""The linear probe: a place of its map sees, learns from and answers the same pixel."""

import pytest
import torch
from torch import Tensor, nn
from torchvision.tv_tensors import Image, Mask

from seglib import backbones
from seglib.backbones import Backbone
from seglib.course.demos import linear_probe
from seglib.data.dataset import SegmentationDataset
from seglib.labels import VOID, Classes

COLOURS = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255]])


class Confetti(SegmentationDataset):
    """Every pixel has a random class, and its colour; so a net learns something only at the very pixel."""

    name, split = "confetti", "train"

    def __init__(self, size: tuple[int, int], kinds: int, length: int = 12) -> None:
        self.size, self.kinds, self.length = size, kinds, length
        self.classes = Classes.of(*"abc")

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        mask = torch.randint(self.kinds, self.size, generator=torch.Generator().manual_seed(index))
        image = COLOURS[mask].permute(2, 0, 1).byte()
        mask[0, 0] = VOID
        return Image(image), Mask(mask.byte())


def every_other_pixel() -> Backbone:
    """A net whose map at stride 32 is every 32nd pixel of the image."""
    stages = [nn.Conv2d(3, 3, 1, stride=2, bias=False) for _ in range(5)]
    for stage in stages:
        nn.init.eye_(stage.weight.data[:, :, 0, 0])
    return Backbone("pixels", stages=stages, channels=[3] * 5, mean=[127.0] * 3, std=[12.0] * 3)


@pytest.mark.parametrize("size", [(160, 192), (193, 161), (100, 150), (20, 70)])
@pytest.mark.parametrize("kinds", [2, 3])
def test_the_probe_learns_and_answers_at_the_pixel_that_a_place_is_centred_on(
    size: tuple[int, int], kinds: int
) -> None:
    data = Confetti(size, kinds)
    probe = linear_probe(every_other_pixel(), data)
    for index in range(3):
        mask, pred = data[index][1].as_subclass(Tensor)[::32, ::32], probe.predict(data[index][0])[::32, ::32]
        assert torch.equal(pred[mask != VOID], mask[mask != VOID].long())
        assert pred.max() < kinds, "a class without a place to learn from is never predicted"


@pytest.mark.parametrize("size", [(128, 192), (129, 193), (122, 180)])
def test_an_answer_of_lite0_depends_most_on_the_pixel_it_is_for(size: tuple[int, int]) -> None:
    """The centre of the gradient at the input, for weights that average; without padding it is far off."""
    net = backbones.load("lite0", pretrained=False)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    probe = linear_probe(net, Confetti(size, 3, length=2))
    nn.init.ones_(probe.net.score.weight)
    image = torch.full((1, 3, *size), 127.1, requires_grad=True)
    probe.net(image)[0, 0, 64, 96].backward()
    assert image.grad is not None
    for axis, middle in ((0, 64), (1, 96)):
        weight = image.grad.sum((0, 1)).sum(1 - axis).double()
        centre = float((weight * torch.arange(size[axis])).sum() / weight.sum())
        assert centre == pytest.approx(middle, abs=3)
