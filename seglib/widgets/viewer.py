"""The mask viewer: an image under its label maps, blended in the browser."""

from collections.abc import Mapping
from typing import Any

import ipywidgets
import torch
import traitlets
from torch import Tensor

from seglib import draw
from seglib.data.dataset import Instances
from seglib.labels import VOID, Classes, describe, to_color
from seglib.widgets import pack
from seglib.widgets.shell import RefusedError, Stage, display_both, module

MODES = ("overlay", "side by side", "difference")
LINKED = ("mode", "visible", "outline", "hatch", "opacity", "zoom", "center")


class MaskViewer(Stage):
    """An image under its label maps, to look at closely.

    Opacity, classes, outline, hatching, zoom, side by side, difference, and a read-out of the pixel under the
    pointer or the arrow keys. All of it happens in the browser; Python reads and sets the same state:
    `viewer.opacity = 0.3`, `viewer.visible = ["fish"]`. Of an image with a side of more than 2048 pixels,
    1 of every 2, 4, ... pixels across and down is shown, and the viewer says so.

    Args:
        image: (3, H, W) uint8.
        maps: one label map (H, W), class indices or 255; or several by name, the truth first.
        classes: names and colours.
        instances: the objects of the image; their numbers are read out.
        **state: traits to begin with, as in `opacity=0.3`.

    Attributes:
        visible: names of the classes that are painted, "void" for void.
        mode: "overlay" (one label map), "side by side" (all of them) or "difference" (right, wrong, void).
        layer: name of the map that overlay and difference show.
        outline: whether every region is outlined.
        hatch: whether every class is hatched in its own pattern.

    Raises:
        ValueError: a size, type or value does not fit; the message says which.

    Example:
        >>> classes = Classes.of("background", "fish")
        >>> image, mask = torch.zeros(3, 2, 4, dtype=torch.uint8), torch.tensor([[0, 0, 1, 1], [0, 0, 0, 0]])
        >>> MaskViewer(image, mask, classes=classes, opacity=0.3)
        mask: fish 25 %, upper right, touches the upper and right edges; background 75 %
    """

    _esm = module("paint.js", "controls.js", "list.js", "stage.js", "legend.js", "viewer.js")
    visible = traitlets.List(traitlets.Unicode()).tag(sync=True)
    mode = traitlets.Enum(MODES, "overlay").tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    outline = traitlets.Bool(True).tag(sync=True)
    hatch = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        image: Tensor,
        maps: Tensor | Mapping[str, Tensor],
        *,
        classes: Classes,
        instances: Instances | None = None,
        **state: Any,
    ) -> None:
        if not isinstance(maps, Mapping):
            maps = {"mask": maps}
        pack.check(image, maps, classes)
        stride = pack.stride_of(image.shape[1:])
        self._image, self._classes = image[..., ::stride, ::stride], classes
        self._maps = {name: mask[::stride, ::stride] for name, mask in maps.items()}
        begin = {"visible": [*classes, "void"], "layer": next(iter(maps))}
        ids = None
        if instances is not None:
            ids = pack.instance_ids(instances, image.shape[1:])[::stride, ::stride]
        data = pack.pack(self._image, self._maps, classes, ids, stride)
        super().__init__(data=data, **begin | state)

    def compose(self) -> Tensor:
        """The image on show at zoom 1, computed without a browser.

        Returns:
            (3, H, W) uint8; panels that are shown side by side are joined, (3, H, panels x W).
        """
        if self.mode == "overlay":
            return self._painted(self.layer)
        truth, *others = self._maps
        if self.mode == "difference":
            judged = self.layer if self.layer != truth else others[0]  # the truth is never judged
            return draw.difference(self._image, self._maps[judged], self._maps[truth])
        panels = [self._painted(name) for name in self._maps]
        return torch.cat(panels if others else [self._image, *panels], dim=2)

    def description(self) -> str:
        """Each label map in words, and what is left out of a large image."""
        words = [f"{name}: {describe(mask, self._classes)}" for name, mask in self._maps.items()]
        return "\n".join(filter(None, [*words, pack.scale_of(self.data["stride"])]))

    def still(self) -> bytes:
        """The image on show as a PNG."""
        return pack.encoded(self.compose(), "PNG")

    def _painted(self, name: str) -> Tensor:
        """One panel, (3, H, W) uint8."""
        mask, named = self._maps[name].long(), [*enumerate(self._classes), (VOID, "void")]
        hidden = [index for index, name in named if name not in self.visible or name == "background"]
        labels = mask.masked_fill(torch.isin(mask, torch.tensor(hidden, dtype=torch.long)), -1)
        paint = to_color(mask, self._classes).float()
        return draw.blend(
            self._image, labels, paint, opacity=self.opacity, outline=self.outline, striped=self.hatch
        )

    @traitlets.validate("visible", "layer", "mode")
    def _is_there(self, proposal: Any) -> Any:
        name, value = proposal.trait.name, proposal.value
        if name == "visible" and (unknown := set(value) - {*self._classes, "void"}):
            raise RefusedError(
                f"no class is called {min(unknown)!r}; the classes are {', '.join(self._classes)}, and void"
            )
        if name == "layer" and value not in self._maps:
            raise RefusedError(f"there is no label map {value!r}; the maps are {', '.join(self._maps)}")
        if (name, value) == ("mode", "difference") and len(self._maps) < 2:
            raise RefusedError(
                "a difference needs two label maps: give maps={'truth': ..., 'prediction': ...}"
            )
        return value


class LinkedViewers(ipywidgets.HBox):
    """Viewers in a row; in an exported page each is alive, but they no longer move together."""

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        page = "".join(viewer.to_html() for viewer in self.children)
        return {**super()._repr_mimebundle_(**kwargs), "text/html": page, "text/plain": repr(self)}

    def _ipython_display_(self) -> None:
        display_both(self._repr_mimebundle_(), {})

    def __repr__(self) -> str:
        return "\n".join(viewer.description() for viewer in self.children)


def linked(*viewers: MaskViewer) -> LinkedViewers:
    """Viewers of one image next to each other: view, classes, opacity, zoom and place change in all of them.

    The browser keeps them together, without the kernel. Which label map is shown is each viewer's own.

    Args:
        viewers: two or more, of images of the same size and with the same classes.

    Raises:
        ValueError: fewer than two, or sizes or classes differ.

    Example:
        >>> image, mask = torch.zeros(3, 2, 4, dtype=torch.uint8), torch.zeros(2, 4, dtype=torch.long)
        >>> classes = Classes.of("background", "fish")
        >>> first, second = (MaskViewer(image, {name: mask}, classes=classes) for name in ("a", "b"))
        >>> linked(first, second)
        a: background 100 %
        b: background 100 %
    """
    if len(viewers) < 2:
        raise ValueError(f"linked needs two viewers or more, not {len(viewers)}")
    first, *others = viewers
    for viewer in viewers:
        shapes, names = zip(*((one._image.shape[1:], one._classes.names) for one in (first, viewer)))
        if len({*shapes}) > 1 or len({*names}) > 1:
            raise ValueError(
                f"linked viewers need images of one size and the same classes; got {tuple(shapes[0])} with "
                f"{', '.join(names[0])}, and {tuple(shapes[1])} with {', '.join(names[1])}"
            )
        viewer.layout.flex, viewer.layout.min_width = "1 1 0", "0"
    for viewer in others:
        for trait in LINKED:
            ipywidgets.jslink((first, trait), (viewer, trait))
    return LinkedViewers(viewers)
