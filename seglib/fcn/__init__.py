"""Fully convolutional networks: a classifier, rebuilt so that it labels every pixel of any picture."""

from seglib.fcn.net import FCN
from seglib.fcn.surgery import convolutionalise
from seglib.fcn.upsampling import Upsample, bilinear_kernel

__all__ = ["FCN", "Upsample", "bilinear_kernel", "convolutionalise"]
