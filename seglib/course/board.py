"""The leaderboard of the course: every segmenter on the same images, with what it costs.

A `Board` is one judge: its images, and the size at which a net sees them, are fixed before a row is added.
`Board.write` makes a `Sheet` that a student hands in; `tables` and `page` merge those of a class.
"""

import hashlib
import json
import math
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter
from torch import Tensor

from seglib.course import store
from seglib.course.results import BOUNDARY
from seglib.data.dataset import SegmentationDataset
from seglib.draw import embedded, figure_bytes, show
from seglib.evaluate import Segmenter, evaluate
from seglib.files import as_path, naming, read_json, write_text
from seglib.labels import Classes, numbered
from seglib.metrics import confusion_matrix
from seglib.regions import RegionSegmenter
from seglib.segmenters import NetSegmenter
from seglib.tables import Table, Tabled
from seglib.training.sizing import live_bytes

FORMAT = "seglib board 1"
LARGEST = 1_000_000  # bytes; a board's file has a few thousand
SHARES = ("mean_iou", "boundary", "rare_iou")
NOTE = (
    "Rows of different tables cannot be compared: they were judged on other images, or in another profile. "
    "Seconds are those of each student's own machine."
)
#: Family -> its marker in a chart and its colour, which differ in brightness too.
FAMILIES = {
    "baseline": ("X", "#000000"),
    "regions": ("s", "#0072b2"),
    "fcn": ("o", "#e69f00"),
    "weak": ("^", "#009e73"),
    "own": ("*", "#cc79a7"),
}
NAMED = 16  # rows that a chart names; where there are more, its legend has the families
COSTS = {
    "image_seconds": "seconds for an image",
    "train_seconds": "seconds to train",
    "minutes": "minutes of labelling",
}


@dataclass(frozen=True)
class Row:
    """What one segmenter scored, and what it cost.

    Attributes:
        name: of the segmenter.
        family: "baseline", "regions", "fcn", "weak" or "own".
        mean_iou: 0..1, over the classes that occur in the true masks.
        boundary: 0..1, the boundary measure of the objects.
        rare_iou: 0..1, IoU of the class with the fewest true pixels.
        train_seconds: of the machine.
        image_seconds: mean time of `predict`.
        weights: how many numbers were learned, those of a pre-trained net included.
        peak_bytes: the most bytes of tensors that were alive at once while one image was predicted, weights
            not included; what NumPy and the inside of a convolution allocate is not seen.
        minutes: of human labelling for its training images.
        origin: where it comes from, in a few words: "notebook 05b", "trained here".
    """

    name: str
    family: str
    mean_iou: float
    boundary: float
    rare_iou: float
    train_seconds: float
    image_seconds: float
    weights: int
    peak_bytes: int
    minutes: float
    origin: str = ""

    def cells(self) -> list[str]:
        """The row as the texts of a table."""
        scores = [f"{100 * share:.1f}" for share in (self.mean_iou, self.boundary, self.rare_iou)]
        seconds = [f"{self.train_seconds:.0f}", f"{self.image_seconds:.3f}"]
        sizes = [f"{self.weights / 1e6:.2f}", f"{self.peak_bytes / 1e6:.1f}"]
        return [self.name, *scores, *seconds, *sizes, f"{self.minutes:.1f}", self.origin]


def columns(rare: str) -> list[str]:
    """The headings over `Row.cells`; `rare` is the name of the rarest class."""
    scores = ["mIoU %", "boundary %", f"{rare} %"]
    costs = ["s to train", "s an image", "M weights", "MB at work", "min to label"]
    return ["", *scores, *costs, "from"]


class Board(Tabled):
    """Rows of segmenters that predicted the same images.

    Every prediction is scored at the size of the image. A net sees the image scaled to fit into `size`, the
    same for every net, whatever size it was trained at.

    Args:
        dataset: images with masks; few, because they are all read at once.
        size: (height, width) that an image is scaled to fit into before a net sees it.
        profile: name of the profile; numbers of one profile are never shown as another's.
        device: on which nets predict.

    Attributes:
        rows: name -> `Row`, in the order in which they were added; a name that comes again is replaced.
        segmenters: name -> what was judged; a net with the board's `size`.
        preds: name -> its predictions, each (H, W) int64.
        rare: name of the class with the fewest true pixels, background and absent classes left out.

    Example:
        >>> from seglib.evaluate import Constant
        >>> from seglib.scenes import Scenes
        >>> board = Board(Scenes(2, size=(32, 32)), size=(32, 32))
        >>> board.add(Constant(0), family="baseline").minutes
        0.0
    """

    def __init__(
        self, dataset: SegmentationDataset, *, size: tuple[int, int], profile: str = "", device: str = "cpu"
    ) -> None:
        self.dataset, self.size, self.profile, self.device = dataset, size, profile, device
        self.rows: dict[str, Row] = {}
        self.segmenters: dict[str, Any] = {}
        self.preds: dict[str, list[Tensor]] = {}
        pixels, digest = torch.zeros(len(dataset.classes), dtype=torch.long), hashlib.sha256()
        for image, mask in dataset:
            known = mask.as_subclass(Tensor)[mask < len(dataset.classes)].long()
            pixels += known.bincount(minlength=len(pixels))
            digest.update(image.numpy().tobytes() + mask.numpy().tobytes())
        self.fingerprint = digest.hexdigest()[:12]
        self._rare = _rarest(pixels, dataset.classes)
        self.rare = dataset.classes.names[self._rare]

    def add(
        self,
        segmenter: Segmenter,
        *,
        family: str,
        name: str | None = None,
        train_seconds: float = 0.0,
        minutes: float = 0.0,
        origin: str = "",
    ) -> Row:
        """Let a segmenter predict every image, and add its row.

        Args:
            segmenter: has `name` and `predict(image)`.
            family: one of `FAMILIES`.
            name: of the row; by default the segmenter's.
            train_seconds: what its training took.
            minutes: of human labelling for its training images.
            origin: where it comes from, in a few words.

        Raises:
            ValueError: no such family, the segmenter is an oracle, or what `evaluate` raises.
        """
        if family not in FAMILIES:
            raise ValueError(f"there is no family {family!r}; choose one of {', '.join(FAMILIES)}")
        name = name or segmenter.name
        if getattr(segmenter, "sees_truth", False):
            raise ValueError(f"{name} sees the truth: it is an oracle, and has no row on a leaderboard")
        if isinstance(segmenter, NetSegmenter):
            net = segmenter.net.to(self.device)
            segmenter = NetSegmenter(net, segmenter.classes, name=name, size=self.size)
        image = self.dataset[0][0]
        with torch.inference_mode():  # the first call is also the slow one
            peak = live_bytes([], lambda: segmenter.predict(image))
        preds: list[Tensor] = []

        def count(pred: Tensor, mask: Tensor, num_classes: int) -> Tensor:
            preds.append(pred)
            return confusion_matrix(pred, mask, num_classes)

        scores = replace(evaluate(segmenter, self.dataset, count=count), present="truth")
        self.segmenters[name], self.preds[name] = segmenter, preds
        self.rows[name] = Row(
            name, family, scores.mean_iou, scores.mean_boundary_iou, float(scores.iou[self._rare]),
            float(train_seconds), scores.seconds_per_image, weights_of(segmenter), peak, float(minutes),
            origin,
        )  # fmt: skip
        return self.rows[name]

    def counts(self, name: str) -> Tensor:
        """(N, K, K) int64: the confusion matrix of each image for the row `name`."""
        pairs = zip(self.preds[name], self.dataset)
        classes = len(self.dataset.classes)
        return torch.stack([confusion_matrix(pred, mask, classes) for pred, (_, mask) in pairs])

    @property
    def data(self) -> str:
        """The images that were judged, in words."""
        return f"{self.dataset.name} {self.dataset.split}, {len(self.dataset)} images"

    @property
    def table(self) -> Table:
        """All rows; the highest mIoU comes first."""
        rows = sorted(self.rows.values(), key=lambda row: -row.mean_iou)
        height, width = self.size
        note = (
            f"Every mask is scored at the size of its image; every net sees the image within {height} x "
            f"{width}. mIoU: mean over the classes in the true masks. boundary: {BOUNDARY}. Profile: "
            f"{self.profile or 'not named'}."
        )
        return Table(self.data, columns(self.rare), [row.cells() for row in rows], note=note)

    def write(self, student: str, path: Path | None = None) -> Path:
        """Save the rows as a file that `python -m seglib board` reads.

        Args:
            student: a name or a pseudonym; it is shown next to the rows.
            path: by default next to the student's progress.

        Returns:
            The file.

        Raises:
            ValueError: `student` is empty or longer than 60 characters.
            DiskError: it cannot be written.
        """
        if not 0 < len(student.strip()) <= 60:
            raise ValueError(f"student must have 1 to 60 characters, not {len(student.strip())}")
        machine, rows = f"{platform.system()} {platform.machine()}", [*self.rows.values()]
        sheet = Sheet(student.strip(), self.data, self.fingerprint, self.rare, self.profile, machine, rows)
        path = path or store.folder().parent / "board.json"
        write_text(path, json.dumps({"format": FORMAT} | asdict(sheet), indent=1))
        return path


def _rarest(pixels: Tensor, classes: Classes) -> int:
    """The class with the fewest pixels, but some; the background only if there is no other."""
    there = [index for index in range(len(pixels)) if pixels[index] and index != classes.background]
    return min(there, key=lambda index: int(pixels[index]), default=classes.background or 0)


def weights_of(segmenter: Any) -> int:
    """How many learned numbers a segmenter consists of: each weight of its nets once, and its SVMs.

    Nets are found in its attributes, in lists of these, and in the segmenters that it is made of.
    """
    weights: dict[int, int] = {}
    todo, seen = [segmenter], set()
    while todo:
        part = todo.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, torch.nn.Module):
            weights |= {id(weight): weight.numel() for weight in part.parameters()}
        elif isinstance(part, RegionSegmenter):
            features = part.extractor.features
            todo += [features.backbone, features.foreground]
            weights |= {id(part): part.svms.weights.numel() + part.svms.bias.numel() if part.svms else 0}
        elif isinstance(part, list | tuple):
            todo += part
        elif hasattr(part, "predict"):
            own = vars(type(part)) | getattr(part, "__dict__", {})
            todo += [value for name, value in own.items() if not name.startswith("__")]
    return sum(weights.values())


def chart(rows: Sequence[Row], across: str, front: Sequence[int] = ()) -> None:
    """Draw mIoU against a cost, on a log axis, with a line through the rows of the front.

    Args:
        rows: one marker each, with its number; a row that costs nothing is a dashed line.
        across: one of `COSTS`.
        front: indices of the rows that the line goes through.
    """
    values = "; ".join(f"{row.name} {100 * row.mean_iou:.1f} % at {getattr(row, across):.3g}" for row in rows)
    joined = ", ".join(rows[index].name for index in front) or "none"
    alt = f"mIoU against {COSTS[across]}, on a log axis: {values}. On the line: {joined}."
    show(chart_figure(rows, across, front), alt=alt)


def chart_figure(rows: Sequence[Row], across: str, front: Sequence[int] = ()) -> Figure:
    """The figure that `chart` shows."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axis = figure.subplots()
    axis.set(xlabel=COSTS[across], ylabel="mIoU (%)", xscale="log")
    for number, row in enumerate(rows, 1):
        cost, value, (marker, color) = getattr(row, across), 100 * row.mean_iou, FAMILIES[row.family]
        label = f"{number}  {row.name}" if len(rows) <= NAMED else row.family
        if cost <= 0:
            axis.axhline(value, color=color, linestyle="--", linewidth=1, label=label)
            continue
        axis.plot(cost, value, marker, color=color, markersize=9, markeredgecolor="black", label=label)
        axis.annotate(str(number), (cost, value), (7, 5), textcoords="offset points", fontsize=10)
    points = sorted((getattr(rows[index], across), 100 * rows[index].mean_iou) for index in front)
    if line := [point for point in points if point[0] > 0]:
        axis.plot(*zip(*line), color="black", linewidth=1, drawstyle="steps-post", zorder=1)
    axis.grid(which="both", axis="x", alpha=0.3)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.5)))
    axis.spines[["top", "right"]].set_visible(False)
    handles = {text: handle for handle, text in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles, loc="outside right upper", frameon=False, fontsize=9)
    return figure


# What students hand in, and a class's boards as one.


@dataclass(frozen=True)
class Sheet:
    """What one student hands in: a file of `Board.write`.

    Attributes:
        student: who handed it in.
        data: the test images in words.
        fingerprint: of their pixels and masks: two sheets with the same one judged the same images.
        rare: name of the rarest class.
        profile: "tiny", "laptop" or "gpu".
        machine: in words.
        rows: at least one.
    """

    student: str
    data: str
    fingerprint: str
    rare: str
    profile: str
    machine: str
    rows: Sequence[Row]

    @property
    def judged(self) -> tuple[str, str, str, str]:
        """What two sheets must have in common for their rows to be compared."""
        return self.data, self.profile, self.fingerprint, self.rare


TEXTS = tuple(field.name for field in fields(Sheet) if field.type is str)


def read(path: Path) -> Sheet:
    """Read a file that `Board.write` wrote.

    Raises:
        ValueError: it is not such a file; the message names it and says what is wrong.
    """
    path = as_path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"{path}: is too large for a board; give a file that board.write() wrote")
        content = read_json(path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); check its name") from None
    with naming(path):
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError("is not a board of this version; write it again with board.write()")
        for name in TEXTS:
            if not _is_text(content.get(name)):
                raise ValueError(f"{name!r} must be a text of at most 200 characters; write the board again")
        rows = content.get("rows")
        if not isinstance(rows, list) or not 0 < len(rows) <= 200:
            raise ValueError(
                "'rows' must be a list of 1 to 200 rows; add a row to the board, then write it again"
            )
        return Sheet(
            **{name: content[name] for name in TEXTS}, rows=[_row(row, n) for n, row in enumerate(rows, 1)]
        )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 200 and value.isprintable()


def _row(given: Any, number: int) -> Row:
    if not isinstance(given, dict) or given.keys() != {field.name for field in fields(Row)}:
        raise ValueError(f"row {number} has other fields than a board's row; write the board again")
    for field in fields(Row):
        value = given[field.name]
        if field.type is str:
            good = _is_text(value)
        else:
            good = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
            good = good and value <= (1 if field.name in SHARES else 1e15)
            good = good or (field.name == "boundary" and isinstance(value, float) and math.isnan(value))
        if not good:
            raise ValueError(f"row {number}: {field.name} cannot be {value!r}; write the board again")
    if given["family"] not in FAMILIES:
        raise ValueError(f"row {number}: there is no family {given['family']!r}; write the board again")
    return Row(**given)


def tables(sheets: Sequence[Sheet]) -> Iterator[tuple[Table, list[Row]]]:
    """A table for each set of images that was judged, the highest mIoU first, and its rows.

    Sheets with the same student's name are kept apart: they are numbered.
    """
    named = zip(sheets, numbered([sheet.student for sheet in sheets]))
    ordered = sorted(named, key=lambda pair: pair[0].judged)
    for (data, profile, _, rare), group in groupby(ordered, key=lambda pair: pair[0].judged):
        lines = [(row, student, sheet.machine) for sheet, student in group for row in sheet.rows]
        lines.sort(key=lambda line: -line[0].mean_iou)
        name, *headings = columns(rare)
        cells = [[row.name, student, *row.cells()[1:]] for row, student, _ in lines]
        machines = ", ".join(sorted({machine for *_, machine in lines}))
        title = f"{data}, profile {profile or 'not named'}"
        table = Table(title, [name, "student", *headings], cells, f"Machines: {machines}.")
        yield table, [row for row, *_ in lines]


def page(sheets: Sequence[Sheet]) -> str:
    """The tables as one HTML page, each with a chart of mIoU against seconds for an image."""
    parts = []
    for table, rows in tables(sheets):
        words = f"mIoU against seconds for an image: {table.title}. The table has the numbers."
        image = embedded(figure_bytes(chart_figure(rows, "image_seconds")), words)
        parts.append(f"{table._repr_html_()}{image}")
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>The board</title>'
    style = "<style>body{font-family:sans-serif;margin:2em}div{overflow-x:auto}</style>"
    body = "<h1>The board</h1>" + "".join(f"<div>{part}</div>" for part in parts) + f"<p>{NOTE}</p>"
    return f'<!doctype html><html lang="en"><head>{head}{style}</head><body>{body}</body></html>\n'
