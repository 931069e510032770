"""What the widgets that show an image have in common: the Python half of stage.js."""

from __future__ import annotations

from typing import Any

import traitlets

from seglib.widgets.shell import Shell


class Stage(Shell):
    """An image that can be zoomed, dragged and read out.

    Attributes:
        opacity: of the classes' colours, 0..1.
        zoom: 1 shows all of the image, 32 is the most.
        center: [x, y] in image pixels, what zooming keeps in the middle.
        cursor: [x, y] of the pixel that is read out, or None.
        height: the most CSS pixels that the image may be high.
    """

    opacity = traitlets.Float(0.5, min=0, max=1).tag(sync=True)
    zoom = traitlets.Float(1.0, min=1, max=32).tag(sync=True)
    center = traitlets.List(traitlets.Float(), minlen=2, maxlen=2).tag(sync=True)
    cursor = traitlets.List(traitlets.Int(), minlen=2, maxlen=2, allow_none=True).tag(sync=True)
    height = traitlets.Int(480, min=100).tag(sync=True)

    def __init__(self, *, data: dict[str, Any], **state: Any) -> None:
        begin = {"center": [data["width"] / 2, data["height"] / 2], "cursor": None}
        super().__init__(data=data, **begin | state)

    @traitlets.validate("cursor")
    def _cursor_on_image(self, proposal: Any) -> list[int] | None:
        if proposal.value is None:
            return None
        (x, y), width, height = proposal.value, self.data["width"], self.data["height"]
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError(
                f"the cursor (x, y) = ({x}, {y}) is not on the image, {width} wide and {height} high"
            )
        return list(proposal.value)
