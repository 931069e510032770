"""What a student would use instead of seglib, each trained as its own tutorial trains it.

A peer is a function `(task, steps, clock) -> predict`: it builds a fresh net and its own loader from the
task's list of files, starts the clock when its training begins, ticks after each step, stops when a tick says
so, and returns a function from an image (3, H, W) uint8 to scores (K, h, w) of any size.
"""

from __future__ import annotations

from typing import NamedTuple

OURS = "seglib FCN-8s"


class Peer(NamedTuple):
    """Where a peer's training is, and why it cannot be given the common ImageNet weights, if it cannot."""

    module: str
    function: str
    package: str
    without: str = ""


PEERS = {
    "fastai unet_learner": Peer("fastai_unet", "train", "fastai"),
    "smp Unet + Lightning": Peer("smp_lightning", "unet", "segmentation-models-pytorch"),
    "smp FPN + Lightning": Peer("smp_lightning", "fpn", "segmentation-models-pytorch"),
    "torchvision LRASPP": Peer("torchvision_reference", "lraspp", "torchvision"),
    "torchvision FCN": Peer("torchvision_reference", "fcn", "torchvision"),
    "d2l FCN": Peer("d2l_fcn", "train", "torchvision"),
    "Keras U-Net": Peer("keras_unet", "train", "keras", "its Xception-style body is defined in the tutorial"),
    "MONAI UNet": Peer("monai_unet", "train", "monai", "its body of residual units has no such weights"),
}
PACKAGES = ("torch", "torchvision", "fastai", "segmentation-models-pytorch", "lightning", "albumentations",
            "keras", "monai")  # fmt: skip
