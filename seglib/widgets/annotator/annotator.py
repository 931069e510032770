"""The annotator: boxes and polygons drawn by hand while a clock runs, and saved."""

import math
from pathlib import Path
from typing import Any

import traitlets
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from seglib.data.annotations import Agreement, AnnotatedImage, AnnotationSet, agreement
from seglib.data.dataset import Instances
from seglib.draw import embedded, figure_bytes, image_grid
from seglib.labels import Classes, Color
from seglib.widgets import pack
from seglib.widgets.annotator.drawn_file import KINDS, DrawnFile, Entry, entry_of, image_of
from seglib.widgets.annotator.gallery import Images, gallery
from seglib.widgets.shell import STYLE, Shell, module

SHOWN = 6  # images in the copy without a kernel
OWN = ("clock", "shapes", "annotation_state", "drawing_canvas", "side_panel", "annotator")
FILES = ("controls.js", "stage.js", "list.js", *(f"annotator/{name}.js" for name in OWN))


class Annotator(Shell):
    """Images on which boxes or polygons are drawn while a clock runs.

    The clock of an object runs from its first point to its last, the clock of an image from the first point
    on it. Both pause while the student is away, has been idle for ten seconds, or has pressed Pause. Every
    finished object is saved at once, and the same path resumes the work.

    Args:
        images: a data set, one image (3, H, W) or several, image files or a folder of them.
        classes: what can be drawn, without the class "background".
        kind: "boxes" or "polygons".
        path: the file for the work (COCO JSON with "seconds"); without one it is lost when the kernel ends.
        **state: traits to begin with, as in `tool="extreme"`.

    Attributes:
        index: which image is open.
        tool: how boxes are drawn: "drag" (corner to corner) or "extreme" (clicks on the four outermost
            points: Papadopoulos et al., "Extreme Clicking for Efficient Object Annotation", 2017).
        work: one entry per image, as the browser sends it (see `drawn_file.Entry`); `annotations` is the same
            to work with.

    Raises:
        ValueError: images, classes, kind or file do not fit; the sentence says which.

    Example:
        >>> import torch
        >>> images = [*torch.zeros(2, 3, 60, 80, dtype=torch.uint8)]
        >>> annotator = Annotator(images, classes=Classes.of("background", "fish"))
        >>> drawn = {"label": 0, "points": [[10, 20], [30, 50]], "seconds": 6.5}
        >>> annotator.work = [{"objects": [drawn], "seconds": 8.0}, {"objects": [], "seconds": 0.0}]
        >>> annotator.annotations[0].boxes(), annotator.seconds_per_object
        (tensor([[10, 20, 30, 50]]), 8.0)
    """

    _esm = module(*FILES)
    _css = STYLE + module("parts.css", "annotator/annotator.css")
    index = traitlets.Int(0, min=0).tag(sync=True)
    tool = traitlets.Enum(("drag", "extreme"), "drag").tag(sync=True)
    work = traitlets.List(traitlets.Dict()).tag(sync=True)
    change = traitlets.Int(0).tag(sync=True)  # the browser's number for a change of the work
    saved_change = traitlets.Int(0).tag(sync=True)  # the number of the change that was saved last
    status = traitlets.Unicode().tag(sync=True)
    requested = traitlets.List(traitlets.Int()).tag(sync=True)  # an image's number, and when it was asked for
    fetched = traitlets.Dict().tag(sync=True)
    zoom = traitlets.Float(1.0, min=1, max=32).tag(sync=True)
    center = traitlets.List(traitlets.Float(), [0.0, 0.0], minlen=2, maxlen=2).tag(sync=True)
    height = traitlets.Int(560, min=100).tag(sync=True)

    def __init__(
        self,
        images: Images,
        *,
        classes: Classes,
        kind: str = "boxes",
        path: Path | str | None = None,
        **state: Any,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind must be 'boxes' or 'polygons', not {kind!r}")
        self.gallery, self.classes, self.kind = gallery(images), classes, kind
        self.names = tuple(name for name in classes if name != "background")
        if not self.names:
            raise ValueError("there is nothing to draw: the only class is the background")
        self.file = None if path is None else DrawnFile(Path(path), kind, self.names)
        before = self.file.images if self.file else {}
        known = [before.get(name) for name in self.gallery.names]
        self.gallery.sizes |= {index: (one.width, one.height) for index, one in enumerate(known) if one}
        entries = [entry_of(one, self.names) for one in known]
        untouched = (index for index, entry in enumerate(entries) if not entry["objects"])
        begin = {"work": entries, "index": next(untouched, len(entries) - 1)}
        super().__init__(data=self._data(), **begin | state)
        self.fetched = self.gallery.packed(self.index)
        self.status = self._summary()
        self.observe(self._fetch, "requested")
        self.observe(self._save, "work")

    @property
    def annotations(self) -> AnnotationSet:
        """Everything that has been drawn, image by image; images that were not worked on are left out."""
        return AnnotationSet(self.names, tuple(self._worked()))

    @property
    def seconds_per_object(self) -> float:
        """Seconds on all images, searching included, divided by the number of objects; NaN for none."""
        return self.annotations.seconds_per_object

    def image(self, index: int) -> AnnotatedImage:
        """What has been drawn on image `index`: its `annotations`, `boxes()` and `masks()`."""
        return self._image(index, self.work[index])

    def instances(self, index: int) -> Instances:
        """The same as a data set returns its objects, with the class indices of `classes`."""
        return self.image(index).instances(self.classes)

    def agreement(self, index: int, truth: Instances | None = None) -> Agreement:
        """How well the objects on image `index` agree with the true ones: box by box, or mask by mask.

        Args:
            index: which image.
            truth: the true objects; by default those of the data set.

        Raises:
            ValueError: the data set has no instances, and `truth` was not given.
        """
        if truth is None and self.gallery.dataset is not None:
            truth = self.gallery.dataset.instances(index)
        if truth is None:
            raise ValueError("the true objects of these images are not known; give truth=...")
        return agreement(self.instances(index), truth, by="boxes" if self.kind == "boxes" else "masks")

    def description(self) -> str:
        """What has been drawn, in words."""
        lines = [f"Annotator for {self.kind}: {len(self.gallery.names)} images. {self._summary()}."]
        for one in self._worked():
            names = ", ".join(annotation.name for annotation in one.annotations) or "nothing"
            lines.append(f"{one.file_name}: {names}, in {one.seconds:.0f} s")
        return "\n".join(lines)

    def still(self) -> bytes:
        """The images that were worked on, at most six, with what is drawn on them, as a PNG."""
        worked = [index for index, entry in enumerate(self.work) if entry["objects"]][:SHOWN] or [self.index]
        columns = min(len(worked), 3)
        figure = Figure(figsize=(4.2 * columns, 3.6 * math.ceil(len(worked) / columns)), layout="constrained")
        images, names = zip(*((self.gallery.image(index), self.gallery.names[index]) for index in worked))
        for panel, index in zip(image_grid(figure, images, names, columns), worked):
            self._draw(panel, index)
        return figure_bytes(figure)

    def to_html(self) -> str:
        """The same as HTML: without a kernel nothing can be drawn."""
        # JupyterLab hides what has this attribute where there is a live view
        return f'<div data-seglib="annotator">{embedded(self.still(), self.description())}</div>'

    @traitlets.validate("index")
    def _index_exists(self, proposal: Any) -> int:
        if proposal.value >= len(self.gallery.names):
            raise ValueError(f"there is no image {proposal.value}; the last is {len(self.gallery.names) - 1}")
        return int(proposal.value)

    @traitlets.validate("work")
    def _work_fits(self, proposal: Any) -> list[Entry]:
        if len(proposal.value) != len(self.gallery.names):
            entries, images = len(proposal.value), len(self.gallery.names)
            raise ValueError(f"work has {entries} entries, and there are {images} images")
        for index, entry in enumerate(proposal.value):
            if entry["objects"]:
                self._image(index, entry)
        return list(proposal.value)

    def _data(self) -> dict[str, Any]:
        """What does not change: the kind, the images' names, the classes."""
        shown = pack.names_and_colors(self.classes)
        classes = [one | {"ink": _ink(one["color"])} for one in shown if one["name"] in self.names]
        return {"kind": self.kind, "names": self.gallery.names, "classes": classes}

    def _image(self, index: int, entry: Entry) -> AnnotatedImage:
        return image_of(entry, self.gallery.names[index], self.gallery.size(index), self.names, self.kind)

    def _draw(self, panel: Any, index: int) -> None:
        """The outline, number and class of each object, on an image on matplotlib axes."""
        for number, one in enumerate(self.image(index).annotations, 1):
            rgb = self.classes.colors[self.classes.index(one.name)]
            color = [channel / 255 for channel in rgb]
            x1, y1, x2, y2 = one.box
            for corners in one.polygons or [((x1, y1), (x2, y1), (x2, y2), (x1, y2))]:
                panel.add_patch(Polygon(corners, fill=False, edgecolor="black", linewidth=3))
                panel.add_patch(Polygon(corners, fill=False, edgecolor=color, linewidth=1.5))
            panel.text(x1, y1, f"{number} {one.name}", color=_ink(rgb), backgroundcolor=color, fontsize=7)

    def _worked(self) -> list[AnnotatedImage]:
        """The images that were worked on."""
        return [self.image(k) for k, one in enumerate(self.work) if one["objects"] or one["seconds"]]

    def _fetch(self, change: Any) -> None:
        """Send the image that the browser asks for."""
        self.fetched = self.gallery.packed(change.new[0]) | {"asked": change.new[1]}

    def _save(self, change: Any) -> None:
        if self.file:
            self.file.save(self._worked())
        self.saved_change, self.status = self.change, self._summary()
        if all(old["objects"] == new["objects"] for old, new in zip(change.old, change.new)):
            self.renew_copy()  # only the clock went on: the student has left the image or the widget

    def _summary(self) -> str:
        """How much is drawn, and where it is saved."""
        count = sum(len(entry["objects"]) for entry in self.work)
        noun = self.kind if count != 1 else {"boxes": "box", "polygons": "polygon"}[self.kind]
        drawn = f"{count or 'no'} {noun}"
        return f"{drawn} in {self.file.path.name}" if self.file else f"{drawn}; not saved in a file"


def _ink(color: Color) -> str:
    """Black or white, whichever is more legible on a colour."""
    red, green, blue = color
    return "#000" if 0.3 * red + 0.6 * green + 0.1 * blue > 110 else "#fff"
