"""Fully convolutional networks: a classifier, rebuilt so that it labels every pixel of any picture."""

from seglib.fcn.net import FCN
from seglib.fcn.segmenter import FCNSegmenter
from seglib.fcn.surgery import as_convolution, convolutionalise
from seglib.fcn.unet import UNet
from seglib.fcn.upsampling import Upsample, bilinear_kernel

__all__ = ["FCN", "FCNSegmenter", "UNet", "Upsample", "as_convolution", "bilinear_kernel", "convolutionalise"]
