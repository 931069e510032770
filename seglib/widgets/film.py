"""Films: everything that a widget can show, computed once as frames. The browser only shows them.

A film has views, a view has reels, and a reel has a frame for each stop of a slider. What is equal in many
frames (label maps, palettes, charts) is sent once.
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import traitlets
from torch import Tensor

from seglib import draw
from seglib.labels import VOID, Classes, Color
from seglib.widgets import pack
from seglib.widgets.chart import Chart
from seglib.widgets.shell import STYLE, RefusedError, Stage, module

FILES = ("paint.js", "controls.js", "list.js", "chart.js", "thumbs.js", "stage.js", "film.js")
Box = tuple[int, int, int, int, bool]  # x1 y1 x2 y2, end-exclusive, and whether its line is wide


def script(name: str) -> str:
    """The JavaScript module of a film that assistive technology calls `name`."""
    return f"{module(*FILES)}\nexport default widget({json.dumps(name)}, showFilm);\n"


class Labels(NamedTuple):
    """A label map: `base` (H, W), of which `values[base]` is shown, or `base` itself where there are none.

    Maps that join the same pieces in different ways share their base, and so take next to no space.
    """

    base: Tensor
    values: Tensor | None = None

    @property
    def pixels(self) -> Tensor:
        """(H, W) int64."""
        return (self.base if self.values is None else self.values[self.base.long()]).long()


@dataclass(frozen=True, eq=False)
class Palette:
    """What the values of a label map are called, and how they are painted.

    Attributes:
        entries: (name, colour) by value.
        clear: the value that shows the image; -1 for none.
        hatched: values that are always hatched.
        key: values that are listed below the image.
        grey: whether it is painted at full strength on a dim grey copy of the image, and without outlines.
    """

    entries: Mapping[int, tuple[str, Color]]
    clear: int = -1
    hatched: tuple[int, ...] = ()
    key: tuple[int, ...] = ()
    grey: bool = False

    @classmethod
    def of(cls, classes: Classes, *, void: str = "void", key: tuple[int, ...] = ()) -> Palette:
        """The palette of a data set's classes; `void` is the name of the value 255."""
        entries = {**dict(enumerate(zip(classes.names, classes.colors))), VOID: (void, classes.void_color)}
        return cls(entries, -1 if classes.background is None else classes.background, key=key)

    def pack(self) -> dict[str, Any]:
        """The palette as film.js reads it: an entry is [value, name, colour]."""
        return vars(self) | {"entries": [[value, *entry] for value, entry in self.entries.items()]}

    def paint(self, image: Tensor, labels: Tensor, opacity: float, hatch: bool) -> Tensor:
        """(3, H, W) uint8: labels (H, W) int64 over their image, as paint.js does it."""
        table = torch.zeros(max(self.entries) + 1, 3)
        table[list(self.entries)] = torch.tensor([color for _, color in self.entries.values()]).float()
        paint, seen = table[labels].permute(2, 0, 1), labels.masked_fill(labels == self.clear, -1)
        if self.grey:
            dim = (image.float().mean(dim=0) * 0.6).floor().expand(3, -1, -1)
            return draw.blend(dim, seen, paint, opacity=1, outline=False, striped=True)
        striped = hatch | torch.isin(labels, torch.tensor(self.hatched, dtype=torch.long))
        return draw.blend(image, seen, paint, opacity=opacity, outline=True, striped=striped)


@dataclass(frozen=True, eq=False)
class Panel:
    """An image under a label map.

    Attributes:
        title: below the image where there are several, and in the read-out.
        labels: the label map.
        palette: its names and colours.
        words: the label map in words.
        truth: (H, W), what `difference` compares it with; 255 where nothing is compared.
    """

    title: str
    labels: Labels
    palette: Palette
    words: str = ""
    truth: Tensor | None = None


class Row(NamedTuple):
    """A line of a table or list: a name, a bar from and to two places of its track, 0..1, and texts."""

    name: str
    texts: tuple[str, ...] = ()
    bar: tuple[float, float] | None = None
    color: Color | None = None
    marks: tuple[float, ...] = ()  # lines on the track; the first is solid, the second dashed
    strong: bool = False


@dataclass(frozen=True, eq=False)
class Frame:
    """What is shown at a stop.

    Attributes:
        words: a sentence or two.
        panels: the images, one or more.
        reads: what the read-out names at a pixel: by default the panels.
        row: what a list of the reel's stops says about this one.
        numbers: the lines of a table.
        boxes: drawn over every panel, from back to front.
        heading: above the crops.
        crops: small images below: (title, words, (3, h, w) uint8).
        caption: below its thumbnail in the film strip; a frame without one has no thumbnail.
    """

    words: str
    panels: tuple[Panel, ...]
    reads: tuple[Panel, ...] = ()
    row: Row | None = None
    numbers: tuple[Row, ...] = ()
    boxes: tuple[Box, ...] = ()
    heading: str = ""
    crops: tuple[tuple[str, str, Tensor], ...] = ()
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Reel:
    """Frames over the stops of a slider.

    Attributes:
        name: in the choice of reels.
        stops: a text for each stop.
        frames: a frame for each stop; the same one may serve several.
        rows: for each stop what the list of reels says about this reel; or nothing.
        chart: its x axis is the stops.
        begin: the stop to begin with.
    """

    name: str
    stops: tuple[str, ...]
    frames: tuple[Frame, ...]
    rows: tuple[Row, ...] = ()
    chart: Chart | None = None
    begin: int = 0


@dataclass(frozen=True, eq=False)
class View:
    """Reels of one kind.

    Attributes:
        name: of the view.
        reels: at least one.
        choice: the label of the choice of reels.
        slider: the label of the slider; "" for none.
        list: the label of a list of the stops; "" for none.
        list_heads: above the columns of that list.
        heads: above the columns of the table.
        table: the label of the table.
        note: below the table or list.
        below: whether the table is below the image, next to the crops.
        targets: (H, W), the number of the reel, from 1, that a click chooses; the last reel is for Escape.
    """

    name: str
    reels: tuple[Reel, ...]
    choice: str = ""
    slider: str = ""
    list: str = ""
    list_heads: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    table: str = ""
    note: str = ""
    below: bool = False
    targets: Tensor | None = None


class _Pool:
    """Things that many frames share: each is packed once, and is known by its place."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.make, self.items = make, list[Any]()
        self.places: dict[Any, int] = {}  # of things that are equal to nothing but themselves

    def __call__(self, thing: Any) -> int | None:
        if thing is None:
            return None
        if thing not in self.places:
            self.items.append(self.make(thing))
            self.places[thing] = len(self.items) - 1
        return self.places[thing]


def packed(image: Tensor, views: Sequence[View]) -> dict[str, Any]:
    """A film as film.js reads it: binary parts, and everything else as one piece of deflated JSON."""
    stride = pack.stride_of(image.shape[1:])
    maps = _Pool(lambda labels: _deflated(labels[::stride, ::stride]))
    values = defaultdict[Tensor, _Pool](lambda: _Pool(lambda column: column))
    crops = _Pool(lambda crop: pack.encoded(crop, "WEBP", quality=65))
    palettes, charts = _Pool(Palette.pack), _Pool(Chart.pack)
    panels = _Pool(
        lambda one: {
            "title": one.title,
            "words": one.words,
            "map": maps(one.labels.base),
            "values": values[one.labels.base](one.labels.values),
            "palette": palettes(one.palette),
            "truth": maps(one.truth),
        }
    )
    frames = _Pool(
        lambda one: {
            **vars(one),
            "panels": [panels(panel) for panel in one.panels],
            "reads": [panels(panel) for panel in one.reads or one.panels],
            "boxes": [_thinned(box, stride) for box in one.boxes],
            "crops": [(title, words, crops(crop)) for title, words, crop in one.crops],
        }
    )

    def reel(one: Reel) -> dict[str, Any]:
        return vars(one) | {"frames": [frames(frame) for frame in one.frames], "chart": charts(one.chart)}

    words = {
        "views": [
            vars(one) | {"reels": [*map(reel, one.reels)], "targets": maps(one.targets)} for one in views
        ],
        "palettes": palettes.items,
        "panels": panels.items,
        "frames": frames.items,
    }
    return pack.image_data(image[..., ::stride, ::stride], stride) | {
        "film": zlib.compress(json.dumps(words, separators=(",", ":")).encode()),
        "maps": maps.items,
        "values": [_table(values[base].items) for base in maps.places],
        "charts": charts.items,
        "crops": crops.items,
    }


class Film(Stage):
    """A widget that shows frames. What they are is in `views`; the traits say which one is on show.

    Attributes:
        view: the name of the view.
        reel: the index of the reel in that view.
        at: the index of the stop on that reel.
        hatch: whether every class is hatched.
        difference: whether labels are compared with the truth.
        show_boxes: whether boxes are drawn.
    """

    _css = STYLE + module("parts.css", "film.css")
    view = traitlets.Unicode().tag(sync=True)
    reel = traitlets.Int(0).tag(sync=True)
    at = traitlets.Int(0).tag(sync=True)
    hatch = traitlets.Bool(False).tag(sync=True)
    difference = traitlets.Bool(False).tag(sync=True)
    show_boxes = traitlets.Bool(True).tag(sync=True)

    def __init__(self, image: Tensor, views: Sequence[View], facts: Sequence[str] = (), **state: Any) -> None:
        """Args: the image (3, H, W) uint8, at least one view, and sentences for the description."""
        self._image, self._views, self._facts = image, {view.name: view for view in views}, facts
        first = self._views.get(state.get("view", ""), views[0])
        reel = first.reels[min(max(state.get("reel", 0), 0), len(first.reels) - 1)]
        super().__init__(data=packed(image, views), **{"view": first.name, "at": reel.begin} | state)

    @property
    def frame(self) -> Frame:
        """What is on show."""
        return self._views[self.view].reels[self.reel].frames[self.at]

    def compose(self) -> list[Tensor]:
        """The panels on show without boxes, (3, H, W) uint8 each, computed without a browser."""
        return [
            draw.difference(self._image, panel.labels.pixels, panel.truth)
            if self.difference and panel.truth is not None
            else panel.palette.paint(self._image, panel.labels.pixels, self.opacity, self.hatch)
            for panel in self.frame.panels
        ]

    def description(self) -> str:
        """The film in words, and what is on show."""
        reel, numbers = self._views[self.view].reels[self.reel], self.frame.numbers
        shown = ", ".join(filter(None, (self.view, reel.name, reel.stops[self.at])))
        rows = [", ".join(f"{row.name} {row.texts[0]}" for row in numbers)] if numbers else []
        scale = pack.scale_of(self.data["stride"])
        said = [*self._facts, f"On show, {shown}: {self.frame.words}", *rows, scale]
        return "\n".join(filter(None, said))

    def still(self) -> bytes:
        """The panels on show, side by side, as a PNG."""
        stride = self.data["stride"]
        return pack.encoded(torch.cat(self.compose(), dim=2)[..., ::stride, ::stride], "PNG")

    @traitlets.observe("view", "reel")
    def _back_to_a_stop_there_is(self, change: Any) -> None:
        reels = self._views[self.view].reels
        with self.hold_trait_notifications():
            self.reel = self.reel if self.reel < len(reels) else 0
            self.at = self.at if self.at < len(reels[self.reel].stops) else 0

    @traitlets.validate("view", "reel", "at")
    def _is_there(self, proposal: Any) -> Any:
        name, value = proposal.trait.name, proposal.value
        on_show = value if name == "view" else self.view
        if on_show not in self._views:
            raise RefusedError(f"there is no view {on_show!r}; the views are {', '.join(self._views)}")
        reels = self._views[on_show].reels
        count = {"reel": len(reels), "at": len(reels[min(self.reel, len(reels) - 1)].stops)}
        if name in count and not 0 <= value < count[name]:
            raise RefusedError(
                f"{name} must be 0 to {count[name] - 1} in the view {self.view!r}, not {value}"
            )
        return value


def _thinned(box: Box, stride: int) -> Box:
    """A box in the pixels that are sent; a pixel that it touches belongs to it."""
    x1, y1, x2, y2, wide = box
    return x1 // stride, y1 // stride, -(-x2 // stride), -(-y2 // stride), wide


def _table(columns: list[Tensor]) -> dict[str, Any] | None:
    """The values of the pieces of one base, (V, columns); None where the base itself is shown."""
    return _deflated(torch.stack(columns, dim=1)) if columns else None


def _deflated(labels: Tensor) -> dict[str, Any]:
    """Whole numbers (rows, columns) with one byte each where that is enough."""
    kind = "u1" if not labels.numel() or int(labels.max()) < 256 else "<u2"
    return {"bytes": int(kind[-1]), "width": labels.shape[1], "labels": pack.deflate(labels, kind)}
