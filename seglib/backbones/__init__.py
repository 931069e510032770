"""Networks that have learned to see: feature maps at strides 2 to 32, and the classifier they came with.

`load(name)` gives one `Backbone`, whatever it is inside; nothing else needs to be known about it.
"""

from seglib.backbones.backbone import Backbone
from seglib.backbones.catalog import NAMES, load
from seglib.backbones.errors import WeightsError

__all__ = ["NAMES", "Backbone", "WeightsError", "load"]
