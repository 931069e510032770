"""Networks trained to classify images, as feature maps at strides 2 to 32 and the classifier they came with.

`load(name)` returns one `Backbone`, whatever the architecture; the rest of seglib knows only that interface.
"""

from seglib.backbones.backbone import Backbone, WeightsError
from seglib.backbones.catalog import NAMES, load

__all__ = ["NAMES", "Backbone", "WeightsError", "load"]
