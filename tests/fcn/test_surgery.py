"""After the surgery a classifier gives the same scores, and gives them at every location."""

import pytest
import torch
from torch import Tensor, nn

from seglib import backbones
from seglib.fcn import as_convolution, convolutionalise
from seglib.fcn.surgery import hidden_layers
from tests.refused import refused

torch.manual_seed(0)


def vgg_like(*, padding: int = 1) -> nn.Sequential:
    """Convolutions, pooling, adaptive pooling, two hidden layers: VGG in small, for images of 32 x 32."""
    features = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=padding), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=padding),
        nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.MaxPool2d(2),
    )  # fmt: skip
    side = {1: 8, 0: 6}[padding]
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(side), nn.Flatten(), nn.Linear(16 * side * side, 64), nn.BatchNorm1d(64),
        nn.ReLU(), nn.Dropout(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10),
    )  # fmt: skip
    return randomised(nn.Sequential(features, head))


def pooled() -> nn.Sequential:
    """Global average pooling and one fully connected layer: EfficientNet in small."""
    layers = (nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    return randomised(nn.Sequential(*layers))


def perceptron() -> nn.Sequential:
    return randomised(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 7, bias=False)))


def randomised(net: nn.Sequential) -> nn.Sequential:
    """Batch norm with statistics of its own, in evaluation mode."""
    for buffer in net.buffers():
        if buffer.is_floating_point():
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    return net.eval()


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("make", [vgg_like, pooled, perceptron])
def test_on_its_own_size_it_gives_the_same_scores(make, dtype):
    classifier, images = make().to(dtype), torch.randn(4, 3, 32, 32, dtype=dtype)
    scores = convolutionalise(classifier, (3, 32, 32))(images)
    torch.testing.assert_close(scores, classifier(images)[:, :, None, None], atol=1e-4, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize(("make", "step"), [(lambda: vgg_like(padding=0), 4), (pooled, 2), (perceptron, 1)])
def test_on_a_larger_one_it_gives_everywhere_the_scores_of_the_crop(make, step):
    classifier, image = make(), torch.randn(1, 3, 44, 40)
    map = convolutionalise(classifier, (3, 32, 32))(image)
    assert map.shape[2:] == ((44 - 32) // step + 1, (40 - 32) // step + 1)
    for row in range(map.shape[2]):
        for column in range(map.shape[3]):
            crop = image[..., row * step : row * step + 32, column * step : column * step + 32]
            torch.testing.assert_close(map[..., row, column], classifier(crop), atol=1e-4, rtol=0)


@torch.no_grad()
def test_lite0_with_its_weights():
    backbone, images = backbones.load("lite0"), torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    net = convolutionalise(backbone.as_classifier(), (3, 224, 224))
    torch.testing.assert_close(net(images)[..., 0, 0], backbone.classify(images), atol=1e-4, rtol=0)
    assert net(torch.zeros(1, 3, 240, 320, dtype=torch.uint8)).shape == (1, 1000, 2, 4)


@torch.no_grad()
def test_vgg16_the_net_of_the_paper():
    backbone = backbones.load("vgg16_bn", pretrained=False).eval()
    images = torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8)
    features = backbone(images)[32]
    net = convolutionalise(backbone.classifier, tuple(features.shape[1:]))
    assert net[0].weight.shape == (4096, 512, 7, 7)
    torch.testing.assert_close(net(features)[..., 0, 0], backbone.classifier(features), atol=1e-4, rtol=0)


@torch.no_grad()
def test_a_linear_layer_by_hand():
    linear = nn.Linear(4, 1, bias=False)
    linear.weight.copy_(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    conv = as_convolution(linear, channels=1, height=2, width=2)
    assert conv.weight.tolist() == [[[[1.0, 2.0], [3.0, 4.0]]]]
    image = torch.tensor([[[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]]])
    assert conv(image).tolist() == [[[[1.0, 4.0]]]]


def test_weights_are_copies_and_the_modes_stay():
    classifier = vgg_like().train()
    net = convolutionalise(classifier, (3, 32, 32))
    assert all(layer.training for layer in [net, *net, *classifier.modules()])
    before = [weight.clone() for weight in classifier.parameters()]
    for weight in net.parameters():
        weight.data.zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, classifier.parameters()))
    evaluating = convolutionalise(vgg_like(), (3, 32, 32))
    assert not any(layer.training for layer in [evaluating, *evaluating])


class Whole(nn.Module):
    """A classifier that flattens where nobody can see it."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


test_what_cannot_be_converted_is_refused = refused(
    lambda classifier: convolutionalise(classifier, (3, 32, 32)),
    (vgg_like()[1], r"takes 1024 numbers, but the map before it has 3 x 8 x 8; is input_size that"),
    (nn.Sequential(nn.Conv2d(3, 2, 3), Whole()), r"Whole gives \(1, 1800\), which is not a map"),
    (nn.Sequential(nn.Conv2d(1, 2, 3)), r"Conv2d cannot take a map \(1, 3, 32, 32\); is input_size"),
    (backbones.load("small"), r"Backbone gives dict, which is not a map"),
    (nn.Sequential(nn.AdaptiveMaxPool2d(1)), "AdaptiveMaxPool2d gives the same size for every image"),
    (nn.Sequential(nn.AdaptiveAvgPool2d(5)), "cannot cut 32 x 32 into 5 x 5 equal parts"),
    (nn.Sequential(nn.Flatten(), nn.Linear(3072, 4), nn.BatchNorm1d(4, track_running_stats=False)),
     "without running statistics"),
)  # fmt: skip


test_a_bad_size_is_refused = refused(
    lambda call, *arguments: call(*arguments),
    (convolutionalise, perceptron(), (32, 32), r"input_size .* must be \(channels, height, width\)"),
    (convolutionalise, perceptron(), 224, r"input_size .* must be \(channels, height, width\)"),
    (as_convolution, nn.Linear(18, 5), 3, 3, 3, "takes 18 numbers, but the map before it has 3 x 3 x 3"),
    (convolutionalise(vgg_like(), (3, 32, 32)), torch.zeros(1, 3, 31, 40), "31 x 40 is smaller .*pad it"),
)


def test_hidden_layers_of_a_fully_connected_classifier_are_its_first_two():
    head = (nn.Linear(4 * 49, 20), nn.ReLU(), nn.Linear(20, 6))
    classifier = nn.Sequential(nn.AdaptiveAvgPool2d(7), nn.Flatten(), *head)
    backbone = backbones.load("small")
    backbone.classifier, backbone.channels[32] = classifier, 4
    hidden, width = hidden_layers(backbone)
    assert [type(layer).__name__ for layer in hidden] == ["Conv2d", "ReLU"] and width == 20
    map = torch.randn(1, 4, 7, 7)
    expected = head[0](map.flatten(1)).relu()
    torch.testing.assert_close(hidden(map)[..., 3, 3], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("layer", [nn.Softmax(dim=-1), nn.LogSoftmax(dim=-1), nn.Softmax(dim=None)])
def test_a_softmax_along_the_last_axis_would_become_one_along_the_width(layer):
    with pytest.raises(ValueError, match=r"along the last axis, .* dim=1"):
        convolutionalise(nn.Sequential(nn.Flatten(), nn.Linear(12, 4), layer), (3, 2, 2))
    right = convolutionalise(nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.Softmax(1)), (3, 2, 2))
    assert torch.allclose(right(torch.rand(2, 3, 5, 5)).sum(1), torch.ones(2, 4, 4))


def test_a_chain_with_a_forward_of_its_own_is_one_layer():
    class Twice(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(super().forward(x))

    classifier = nn.Sequential(Twice(nn.Conv2d(3, 3, 1)), nn.Flatten(), nn.Linear(12, 4))
    image = torch.rand(1, 3, 2, 2)
    got = convolutionalise(classifier, (3, 2, 2))(image)
    assert torch.allclose(got.flatten(1), classifier(image), atol=1e-5)
