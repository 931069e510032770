"""The mask viewer: an image under its label maps, blended in the browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import traitlets
from torch import Tensor

from seglib import draw
from seglib.data.dataset import Instances
from seglib.labels import VOID, Classes, describe
from seglib.widgets import pack
from seglib.widgets.shell import module
from seglib.widgets.stage import Stage

MODES = ("overlay", "side by side", "difference")
SCRIPT = module("paint.js", "controls.js", "stage.js", "legend.js", "viewer.js")


@dataclass(frozen=True)
class State:
    """All that decides what a mask viewer shows.

    Attributes:
        image: (3, H, W) uint8.
        maps: label maps (H, W) by name; the first is the truth, where there are several.
        classes: names and colours.
        instances: (H, W) object numbers, 0 for none; or None.
        opacity: of the classes' colours, 0..1.
        visible: names of the classes that are painted, "void" for void.
        mode: "overlay" (one label map), "side by side" (all of them) or "difference" (right, wrong, void).
        layer: name of the map that overlay and difference show.
        outline: whether every region is outlined.
        hatch: whether every class is hatched in its own pattern.
        cursor: (x, y) of the pixel that is read out, or None.
    """

    image: Tensor
    maps: Mapping[str, Tensor]
    classes: Classes
    instances: Tensor | None
    opacity: float
    visible: tuple[str, ...]
    mode: str
    layer: str
    outline: bool
    hatch: bool
    cursor: tuple[int, int] | None

    @property
    def judged(self) -> str:
        """The map that "difference" compares with the first: `layer`, or the second if that is the first."""
        names = list(self.maps)
        return self.layer if self.layer != names[0] else names[1]


def compose(state: State) -> Tensor:
    """What the viewer shows at zoom 1, computed without a browser.

    Returns:
        (3, H, W) uint8; panels that stand side by side are joined at their edges, (3, H, panels x W).
    """
    if state.mode == "overlay":
        return _painted(state, state.layer)
    if state.mode == "difference":
        truth = next(iter(state.maps.values()))
        return draw.difference(state.image, state.maps[state.judged], truth)
    panels = [_painted(state, name) for name in state.maps]
    return torch.cat([state.image, *panels] if len(panels) == 1 else panels, dim=2)


def read_out(state: State) -> str:
    """What is at the cursor: coordinates, the class in each map, and the object; "" without a cursor."""
    if state.cursor is None:
        return ""
    x, y = state.cursor
    names = dict(enumerate(state.classes)) | {VOID: "void"}
    parts = [f"{name}: {names[int(mask[y, x])]}" for name, mask in state.maps.items()]
    if state.instances is not None:
        number = int(state.instances[y, x])
        parts.append(f"object {number}" if number else "no object")
    return " · ".join([f"x {x}, y {y}", *parts])


def _painted(state: State, name: str) -> Tensor:
    """One panel: (3, H, W) uint8. Hidden classes become background, which an overlay leaves clear."""
    mask, classes = _hide(state.maps[name], state.classes, state.visible)
    return draw.overlay(
        state.image, mask, classes, opacity=state.opacity, outline=state.outline, hatch=state.hatch
    )


def _hide(mask: Tensor, classes: Classes, visible: tuple[str, ...]) -> tuple[Tensor, Classes]:
    """The mask with every class that is not visible as background, and classes that have a background."""
    clear = classes.background
    if clear is None:
        clear = len(classes)
        unused = next((0, 0, blue) for blue in range(256) if (0, 0, blue) not in classes.colors)
        classes = Classes((*classes, "background"), (*classes.colors, unused), classes.void_color)
    seen_as = torch.arange(VOID + 1)
    for index, name in [*enumerate(classes), (VOID, "void")]:
        if name not in visible:
            seen_as[index] = clear
    return seen_as[mask.long()], classes


class MaskViewer(Stage):
    """An image under its label maps, to look at closely.

    Opacity, classes, outline, hatching, zoom, side by side, difference, and a read-out of the pixel under the
    pointer or the arrow keys. All of it happens in the browser; Python reads and sets the same state:
    `viewer.opacity = 0.3`, `viewer.visible = ["fish"]`, `viewer.cursor`.

    Args:
        image: (3, H, W) uint8.
        maps: one label map (H, W), class indices or 255; or several by name, the truth first.
        classes: names and colours.
        instances: the objects of the image, or their map (H, W), 0 for none; their numbers are read out.
        **state: traits to begin with, as in `opacity=0.3`.

    Raises:
        ValueError: a size, type or value does not fit; the sentence says which.

    Example:
        >>> classes = Classes.of("background", "fish")
        >>> image, mask = torch.zeros(3, 2, 4, dtype=torch.uint8), torch.tensor([[0, 0, 1, 1], [0, 0, 0, 0]])
        >>> viewer = MaskViewer(image, mask, classes=classes)
        >>> viewer.cursor = [3, 0]
        >>> viewer.read_out()
        'x 3, y 0 · mask: fish'
    """

    _esm = SCRIPT
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
        instances: Instances | Tensor | None = None,
        **state: Any,
    ) -> None:
        maps = dict(maps) if isinstance(maps, Mapping) else {"mask": maps}
        pack.check(image, maps, classes)
        ids = pack.instance_ids(instances, image.shape[1:])
        self._image, self._maps, self._classes, self._instances = image, maps, classes, ids
        begin = {"visible": [*classes, "void"], "layer": next(iter(maps))}
        super().__init__(data=pack.pack(image, maps, classes, ids), **begin | state)

    @property
    def state(self) -> State:
        """What is on show now."""
        return State(
            self._image,
            self._maps,
            self._classes,
            self._instances,
            self.opacity,
            tuple(self.visible),
            self.mode,
            self.layer,
            self.outline,
            self.hatch,
            None if self.cursor is None else (self.cursor[0], self.cursor[1]),
        )

    def compose(self) -> Tensor:
        """The image on show, (3, H, W) uint8, as `compose(viewer.state)`."""
        return compose(self.state)

    def read_out(self) -> str:
        """What is at the cursor, as the widget says it."""
        return read_out(self.state)

    def description(self) -> str:
        """Each label map in words."""
        words = {name: describe(mask, self._classes) for name, mask in self._maps.items()}
        return "\n".join(f"{name}: {text}" for name, text in words.items())

    def still(self) -> bytes:
        """The image on show as a PNG or JPEG."""
        return pack.encode(self.compose())

    @traitlets.validate("visible")
    def _visible_classes(self, proposal: Any) -> list[str]:
        for name in proposal.value:
            if name != "void":
                self._classes.index(name)  # says which classes there are
        return list(proposal.value)

    @traitlets.validate("layer")
    def _layer_is_a_map(self, proposal: Any) -> str:
        if proposal.value not in self._maps:
            raise ValueError(f"no label map is called {proposal.value!r}; there are {', '.join(self._maps)}")
        return str(proposal.value)

    @traitlets.validate("mode")
    def _difference_needs_two(self, proposal: Any) -> str:
        if proposal.value == "difference" and len(self._maps) < 2:
            raise ValueError("a difference needs two label maps: give maps={'truth': ..., 'prediction': ...}")
        return str(proposal.value)
