"""A network as a segmenter."""

import pytest
import torch
from torch import Tensor, nn

from seglib.labels import Classes
from seglib.segmenters import NetSegmenter
from tests.refused import refused
from tests.training.nets import weights
from tests.weak.samples import Blobs

TWO = Classes.of("background", "fish")


class Bright(nn.Module):
    """Tells pixels brighter than 100 apart, and remembers which size it saw."""

    num_classes = 2

    def forward(self, images: Tensor) -> Tensor:
        self.seen = tuple(images.shape[2:])
        bright = images.float().mean(1, keepdim=True) - 100
        return torch.cat([-bright, bright], 1)


class Layers(nn.Sequential):
    """Dropout and batch norm, of which the second was frozen by hand."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 2, 1), nn.Dropout(0.5), nn.BatchNorm2d(2).eval())

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images / 255)


def half_bright(height: int, width: int) -> Tensor:
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[:, :, width // 2 :] = 200
    return image


@pytest.mark.parametrize("size", [(1, 1), (33, 47)])
def test_the_mask_is_the_best_score_and_each_module_stays_in_its_mode(size):
    net = Layers()
    before = weights(net)
    modes = [module.training for module in net.modules()]
    image = torch.randint(0, 256, (3, *size), dtype=torch.uint8)
    mask = NetSegmenter(net, TWO).predict(image)
    assert mask.shape == size and mask.dtype == torch.int64
    assert [module.training for module in net.modules()] == modes
    assert torch.equal(weights(net), before)
    with torch.no_grad():
        assert torch.equal(mask, net.eval()(image[None])[0].argmax(0))


@pytest.mark.parametrize(
    ("size", "scale", "seen"),
    [
        (None, 1.0, (4, 6)),
        (None, 1.5, (6, 9)),
        (None, 2.0, (8, 12)),
        (None, 0.5, (2, 3)),
        (None, 0.01, (1, 1)),
        ((4, 6), 1.0, (4, 6)),
        ((16, 12), 1.0, (8, 12)),  # fitted in, not distorted
        ((8, 99), 1.5, (12, 18)),
        ((1, 1), 1.0, (1, 1)),
    ],
)
def test_the_net_sees_a_resized_image_and_the_mask_keeps_its_size(size, scale, seen):
    net = Bright()
    segmenter = NetSegmenter(net, TWO, size=size, scale=scale)
    mask, probabilities = segmenter.predict(half_bright(4, 6)), segmenter.probabilities(half_bright(4, 6))
    assert net.seen == seen and mask.shape == (4, 6) and probabilities.shape == (2, 4, 6)
    assert torch.allclose(probabilities.sum(0), torch.ones(4, 6))
    if min(seen) > 2:
        assert mask[:, :2].eq(0).all() and mask[:, 4:].eq(1).all()
    weight = torch.ones(2, 1, 1, requires_grad=True)
    (probabilities * weight).sum().backward()  # no inference tensor: it can be trained on
    assert weight.grad is not None


def test_fit_trains_at_the_segmenters_size_and_gives_itself():
    seen = []

    class Watched(Layers):
        def forward(self, images: Tensor) -> Tensor:
            seen.append(tuple(images.shape[2:]))
            return super().forward(images)

    data = Blobs()
    segmenter = NetSegmenter(Watched(), data.classes, size=(8, 8))
    assert segmenter.fit(data, data, steps=2, batch_size=2, device="cpu") is segmenter
    assert set(seen) == {(8, 8)} and not segmenter.net.training
    scaled = NetSegmenter(Layers(), data.classes).fit(data, steps=1, size=(8, 8), device="cpu")
    own = NetSegmenter(Layers(), data.classes).fit(data, steps=1, device="cpu")
    assert scaled.size == (8, 8) and own.size is None  # the scale at which it learned is kept
    with pytest.raises(ValueError, match="has the classes background, blob, but this segmenter has"):
        NetSegmenter(Layers(), TWO).fit(data, steps=1)


IMAGES = [
    (torch.zeros(3, 4, 4), r"not \(3, 4, 4\) float32"),
    (torch.zeros(4, 4, dtype=torch.uint8), r"not \(4, 4\)"),
    (torch.zeros(1, 4, 4, dtype=torch.uint8), r"not \(1, 4, 4\)"),
    (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), r"not \(1, 3, 4, 4\)"),
    (torch.zeros(3, 0, 4, dtype=torch.uint8), "at least one pixel"),
]
RESIZED = [{}, {"scale": 2}, {"size": (8, 8)}]
test_an_image_that_is_something_else_is_refused = refused(
    lambda options, image: NetSegmenter(Bright(), TWO, **options).predict(image),
    *((options, *row) for options in RESIZED for row in IMAGES),
)


def gives(what: object) -> nn.Module:
    """A net that always gives the same."""
    net = nn.Identity()
    net.forward = lambda images: what
    return net


GIVEN = [
    (torch.zeros(1, 2, 5, 5), r"gives \(1, 2, 5, 5\) for images \(1, 3, "),
    (torch.zeros(20, 30), r"gives \(20, 30\) for images"),
    ({"out": torch.zeros(1, 2, 20, 30)}, r"gives a dict for images .* scores \(N, K, H, W\)"),
]
test_what_is_not_a_score_for_every_pixel_is_refused = refused(
    lambda options, what: NetSegmenter(gives(what), TWO, **options).predict(half_bright(20, 30)),
    *((options, *row) for options in RESIZED for row in GIVEN),
)


test_a_wrong_number_of_classes_or_scale_is_refused = refused(
    lambda net, classes, scale: NetSegmenter(net, classes, scale=scale).predict(half_bright(4, 4)),
    (Bright(), Classes.of("a", "b", "c"), 1, r"scores 2 classes, but there are 3 names .*num_classes=3"),
    (nn.Conv2d(3, 5, 1), TWO, 2, "scores 5 classes, but there are 2 names"),
    *((Bright(), TWO, scale, "above 0") for scale in (0, -1, float("inf"), float("nan"))),
)
