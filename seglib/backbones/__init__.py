"""Networks that have learned to see: feature maps at strides 2 to 32, and the classifier they came with.

`load(name)` gives one `Backbone`, whatever it is inside; nothing else needs to be known about it.
"""

from seglib.backbones.backbone import Backbone, WeightsError
from seglib.backbones.catalog import NAMES, load

__all__ = ["NAMES", "Backbone", "WeightsError", "load"]
