"""FCN and U-Net as segmenters: named and rebuilt by themselves."""

import pytest
from torch import nn

from seglib import backbones
from seglib.fcn import FCN, FCNSegmenter, UNet
from seglib.scenes import CLASSES


@pytest.mark.parametrize(
    ("net", "name"),
    [
        (FCN(backbones.load("small"), 10, stride=8), "FCN-8s small"),
        (FCN(backbones.load("small"), 10, stride=32, learned=True), "FCN-32s small"),
        (UNet(backbones.load("small"), 10), "UNet small"),
        (FCN(backbones.load("lite0"), 10, stride=16), "FCN-16s lite0"),
        (nn.Conv2d(3, 10, 1), "Conv2d"),
    ],
)
def test_it_is_named_and_rebuilt_as_it_was(net, name, tmp_path):
    FCNSegmenter(net, CLASSES).save(tmp_path / "net.pt")
    loaded = FCNSegmenter.load(tmp_path / "net.pt", net=None if hasattr(net, "settings") else net)
    assert loaded.name == name and loaded.classes == CLASSES and not loaded.net.training
    assert type(loaded.net) is type(net)
    assert getattr(loaded.net, "settings", None) == getattr(net, "settings", None)


def test_a_net_on_a_backbone_without_its_classifier_is_loaded(tmp_path):
    complete = FCN(backbones.load("lite0", pretrained=False), 10)
    assert len(complete.hidden)
    FCNSegmenter(FCN(complete.backbone, 10), CLASSES).save(tmp_path / "net.pt")
    assert not len(FCNSegmenter.load(tmp_path / "net.pt").net.hidden)
