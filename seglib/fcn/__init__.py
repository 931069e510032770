"""Fully convolutional networks: a classifier, rebuilt so that it labels every pixel of any image."""

from seglib.fcn.net import FCN, Upsample, bilinear_kernel
from seglib.fcn.segmenter import FCNSegmenter
from seglib.fcn.surgery import as_convolution, convolutionalise
from seglib.fcn.unet import UNet

__all__ = ["FCN", "FCNSegmenter", "UNet", "Upsample", "as_convolution", "bilinear_kernel", "convolutionalise"]
