"""What the widgets that show an image have in common: the Python half of stage.js."""

from typing import Any

import traitlets

from seglib.widgets.shell import Shell


class Stage(Shell):
    """An image that can be zoomed, dragged and read out.

    Attributes:
        opacity: of the classes' colours, 0..1.
        zoom: 1 shows all of the image, 32 is the maximum.
        center: [x, y] in image pixels, what zooming keeps in the middle.
        height: the height of the image in CSS pixels, at most.
    """

    opacity = traitlets.Float(0.5, min=0, max=1).tag(sync=True)
    zoom = traitlets.Float(1.0, min=1, max=32).tag(sync=True)
    center = traitlets.List(traitlets.Float(), minlen=2, maxlen=2).tag(sync=True)
    height = traitlets.Int(480, min=100).tag(sync=True)

    def __init__(self, *, data: dict[str, Any], **state: Any) -> None:
        super().__init__(data=data, **{"center": [data["width"] / 2, data["height"] / 2]} | state)
