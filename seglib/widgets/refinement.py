"""The refinement explorer: labels made from boxes, and what each rule makes of them round by round."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seglib.labels import VOID, Classes, describe, numbered, percent
from seglib.weak.boxes import BoxAnnotations, back_to_front, background_of, check
from seglib.weak.cleaning import RESET, Rules, box_fill_rates, reset_outliers
from seglib.weak.labels import Quality, image_quality
from seglib.weak.schemes import rectangles
from seglib.widgets import pack
from seglib.widgets.chart import Chart, Line, points
from seglib.widgets.film import Box, Film, Frame, Labels, Palette, Panel, Reel, Row, View, script

DIAL = 100  # stops of the dial between 0 and 1
NEAR = 0.01  # how far from 1 the sum of probabilities may be: half precision rounds
NAIVE = "rectangles"  # the scheme that needs nothing but the boxes


class Rule(NamedTuple):
    """A label on the way to the next round: its name, and what its rule does."""

    name: str
    does: str
    color: tuple[int, int, int]  # Okabe and Ito's


RULES = {  # in the order in which they are applied; the net's own answer is not a rule
    "net": Rule("Net", "", (0, 0, 0)),
    "possible": Rule("Box classes", "A class without a box is ruled out.", (204, 121, 167)),
    "inside": Rule(
        "Keep inside", "A pixel outside all boxes of its class becomes background.", (230, 159, 0)
    ),
    "reset": Rule("Reset", "A box of which too little is left gets its first label again.", (0, 158, 115)),
    "smooth": Rule("Smoothing", "The label follows the image's edges.", (86, 180, 233)),
}
CHANGED = Palette(
    {k: (rule.name.lower() if k else "none", rule.color) for k, rule in enumerate(RULES.values())},
    clear=0,
    key=(1, 2, 3, 4),
    grey=True,
)


class RefinementExplorer(Film):
    """Labels that were made from boxes, next to the truth: every scheme, every round, every cleaning rule.

    Four views of one image. Schemes: each label that was made from the boxes alone. Rounds: the label that
    each round trains on, with its measures. Rules: how a net's answer becomes the next label; pixels are
    marked by the rule that changed them last. Reset: a dial says how little of a box may be left before it is
    reset to its first label, before it is smoothed. All is computed once, here: the browser needs no kernel,
    in exported HTML neither.

    Args:
        image: (3, H, W) uint8.
        truth: (H, W) true classes, or 255 for void.
        boxes: the boxes of the image, as `load_boxes(dataset)[index]`; (0, 4) boxes where there are none.
        classes: names and colours; one is called "background".
        schemes: labels (H, W) by name, 255 where they are ignored; by default the naive rectangles.
        rounds: for each round the probabilities (K, H, W) of its net, of which the rules make the label of
            the next round; without rounds there are only schemes. Round 0 was trained on the first scheme,
            whose label a box is reset to.
        fill_rates: (K,) the share of its box that each class usually fills, see
            `seglib.weak.cleaning.fill_rates`; by default 1, the paper's rule.
        qualities: of the labels of whole rounds, as `Round.quality`, from round 0 on.
        **state: traits to begin with, as in `view="rules"`: `view`, `reel` (the round, in "rules" and
            "reset"), `at` (the scheme, round, rule or stop of the dial).

    Raises:
        ValueError: a size, type or value does not fit; the message says which.

    Reference:
        Khoreva, Benenson, Hosang, Hein, Schiele, "Simple Does It", 2017, section 3.1: the rules.

    Example:
        >>> import torch
        >>> image, truth = torch.zeros(3, 2, 4, dtype=torch.uint8), torch.tensor([[0, 1, 1, 0], [0, 0, 0, 0]])
        >>> boxes = BoxAnnotations(torch.tensor([[0, 0, 4, 1]]), torch.tensor([1]))
        >>> explorer = RefinementExplorer(image, truth, boxes, Classes.of("background", "fish"))
        >>> explorer.frame.row.name, explorer.frame.row.texts[0]
        ('rectangles', '58.3')
    """

    _esm = script("Refinement explorer")

    def __init__(
        self,
        image: Tensor,
        truth: Tensor,
        boxes: BoxAnnotations,
        classes: Classes,
        *,
        schemes: Mapping[str, Tensor] = {},
        rounds: Sequence[Tensor] = (),
        fill_rates: Tensor | Sequence[float] | None = None,
        qualities: Sequence[Quality | None] = (),
        **state: Any,
    ) -> None:
        if not isinstance(schemes, Mapping):
            raise ValueError('schemes must be labels by name, as in schemes={"grabcut+": label}')
        pack.check(image, {"truth": truth} | {f"scheme {name}": schemes[name] for name in schemes}, classes)
        check(boxes, (image.shape[1], image.shape[2]), classes)
        image, truth = image.as_subclass(Tensor).cpu(), _plain(truth)
        boxes = BoxAnnotations(boxes.boxes.cpu(), boxes.classes.cpu())
        background = background_of(classes)
        labels = {name: _plain(label) for name, label in schemes.items()}
        labels = labels or {NAIVE: rectangles(image, *boxes, background=background)}
        nets, rates = _probabilities(rounds, classes, truth.shape), _rates(fill_rates, classes)
        if len(qualities) > len(nets) + 1 or not all(isinstance(one, Quality | None) for one in qualities):
            raise ValueError(
                f"qualities must be at most {len(nets) + 1}, each a Quality, as round.quality, or None: of "
                f"the labels of round 0 and of those after each round; not {qualities!r:.60}"
            )
        first = next(iter(labels))
        rules = Rules(rates, background=background)
        scene = _Scene(image, truth, boxes, classes, labels[first], rules)
        judged = {name: scene.judge(label) for name, label in labels.items()}
        views = [_schemes(scene, judged)]
        height, width = truth.shape
        around = f"with boxes around {', '.join(scene.names)}" if scene.names else "without boxes"
        facts = [f"Labels made from boxes, for an image of {width} x {height} pixels {around}."]
        facts += [f"{name}: {shot.said}, ignored {shot.cells[2]} %." for name, shot in judged.items()]
        if nets:
            steps = [_Step(scene, net) for net in nets]
            shots = [judged[first], *(list(step.chain.values())[-1] for step in steps)]
            chart = _round_chart(shots, qualities)
            views += [_rounds(scene, first, shots, chart), *_rules(scene, steps)]
            facts.append(f"By round: {chart.words}.")
        super().__init__(image, views, facts, **state)


def _plain(label: Tensor) -> Tensor:
    """A checked label (H, W) as a plain uint8 tensor on the CPU."""
    return label.as_subclass(Tensor).cpu().to(torch.uint8)


def _probabilities(rounds: Sequence[Tensor], classes: Classes, size: Sequence[int]) -> list[Tensor]:
    """The probabilities of the nets, one (K, H, W) float32 a round; a ValueError says what is wrong."""
    wanted = (len(classes), *size)
    for number, one in enumerate(rounds):
        if fault := _fault(one, wanted):
            raise ValueError(
                f"rounds[{number}] must be the probabilities of {len(classes)} classes "
                f"({', '.join(classes)}), floating point {wanted} (K, H, W); {fault}"
            )
    return [one.as_subclass(Tensor).cpu().float() for one in rounds]


def _fault(one: Tensor, wanted: tuple[int, ...]) -> str:
    """What is wrong with the probabilities (K, H, W) of a net; "" if nothing is."""
    if not isinstance(one, Tensor) or not one.is_floating_point():
        return f"not {one.dtype if isinstance(one, Tensor) else type(one).__name__}"
    if one.shape != wanted:
        return f"not {tuple(one.shape)}"
    wrong = ~((one.float().sum(dim=0) - 1).abs() <= NEAR) | (one < 0).any(dim=0)  # NaN is wrong too
    if not wrong.any():
        return ""
    y, x = wrong.nonzero()[0].tolist()
    values = ", ".join(f"{value:.2f}" for value in one[:, y, x].tolist())
    return f"at (x, y) = ({x}, {y}) they are {values}, not 0..1 with the sum 1; give logits.softmax(dim=0)"


def _rates(fill_rates: Tensor | Sequence[float] | None, classes: Classes) -> tuple[float, ...]:
    """The share of its box that each of the K classes fills; all 1, the paper's rule, by default."""
    rates = torch.ones(len(classes)) if fill_rates is None else torch.as_tensor(fill_rates).cpu().float()
    if rates.shape != (len(classes),) or not bool(((rates >= 0) & (rates <= 1)).all()):
        raise ValueError(
            f"fill_rates must be {len(classes)} shares 0..1, what each class ({', '.join(classes)}) fills of "
            f"its box, as fill_rates(labels) gives; not {[round(one, 3) for one in rates.flatten().tolist()]}"
        )
    return tuple(rates.tolist())


def _measures(quality: Quality | None) -> tuple[float, float, float, float]:
    """MIoU, Boundary IoU, what is ignored, mIoU of the rest, 0..1; NaN where they are unknown."""
    if quality is None:
        return (torch.nan,) * 4
    scores = quality.filled
    return scores.mean_iou, scores.mean_boundary_iou, quality.ignored, quality.labelled.mean_iou


class _Shot(NamedTuple):
    """A label (H, W) uint8, 255 for ignored, with its measures and words."""

    label: Tensor
    measures: tuple[float, float, float, float]
    words: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The measures in per cent."""
        return tuple(percent(share, 1).removesuffix(" %") for share in self.measures)

    @property
    def said(self) -> str:
        """The first two measures in words."""
        return f"mIoU {percent(self.measures[0], 1)}, Boundary IoU {percent(self.measures[1], 1)}"


@dataclass(frozen=True, eq=False)
class _Scene:
    """An image with its truth and M boxes, and how labels are cleaned."""

    image: Tensor
    truth: Tensor
    boxes: BoxAnnotations
    classes: Classes
    first: Tensor
    rules: Rules

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the boxes are called."""
        return numbered([self.classes.names[index] for index in self.boxes.classes.tolist()])

    @cached_property
    def palettes(self) -> tuple[Palette, Palette]:
        """Of the truth, and of labels, in which 255 is ignored; the key has classes with a box or truth."""
        used = {*self.boxes.classes.tolist(), *self.truth.unique().tolist()} - {background_of(self.classes)}
        key = (*sorted(used - {VOID}), VOID)
        return Palette.of(self.classes), Palette.of(self.classes, void="ignored", key=key)

    @cached_property
    def true(self) -> Panel:
        """The truth."""
        return Panel("truth", Labels(self.truth), self.palettes[0], describe(self.truth, self.classes))

    def lines(self, reset: Sequence[int] = ()) -> tuple[Box, ...]:
        """The boxes, the smaller ones in front; those that are reset have a wide line."""
        corners = self.boxes.boxes.tolist()
        return tuple((*corners[number], number in reset) for number in back_to_front(self.boxes.boxes))

    def judge(self, label: Tensor) -> _Shot:
        """A label with its measures and words."""
        words = describe(label, self.classes)
        words = "ignored".join(words.rsplit("void", 1)) if (label == VOID).any() else words
        return _Shot(label, _measures(image_quality(label, self.truth, self.classes)), words)

    def panel(self, title: str, shot: _Shot) -> Panel:
        """A label; where it is ignored it is not compared with the truth."""
        ignored = shot.label == VOID
        truth = torch.where(ignored, VOID, self.truth) if ignored.any() else self.truth
        return Panel(title, Labels(shot.label), self.palettes[1], shot.words, truth)


def _schemes(scene: _Scene, judged: Mapping[str, _Shot]) -> View:
    """Each label that was made from the boxes alone, next to the truth."""
    frames = []
    for name, shot in judged.items():
        words = f"{'' if scene.names else 'There is no box. '}{name}: {shot.said}."
        if shot.measures[2]:
            words += (
                f" {shot.cells[2]} % of the pixels are ignored, and scored as the nearest label says; "
                f"without them mIoU is {shot.cells[3]} %."
            )
        panels = (scene.true, scene.panel(name, shot))
        caption = f"{name}\nmIoU {shot.cells[0]} %"
        frames.append(Frame(words, panels, row=Row(name, shot.cells), boxes=scene.lines(), caption=caption))
    heads = ("%", "mIoU", "Boundary IoU", "ignored", "mIoU of the rest")
    return View("schemes", (Reel("", tuple(judged), tuple(frames)),), list="Scheme", list_heads=heads)


def _rounds(scene: _Scene, first: str, shots: Sequence[_Shot], chart: Chart) -> View:
    """The label that each round trains on, next to the truth."""
    frames = []
    for number, shot in enumerate(shots):
        words = f"Round 0 trains on {first}: {shot.said}."
        if number:
            differs = float((shot.label != shots[number - 1].label).double().mean())
            words = (
                f"Round {number}, made from what the net of round {number - 1} says: {shot.said}. "
                f"{percent(differs, 1)} of the pixels have another label than in round {number - 1}."
            )
        panels = (scene.true, scene.panel(f"label of round {number}", shot))
        caption = f"round {number}\nmIoU {shot.cells[0]} %"
        frames.append(Frame(words, panels, boxes=scene.lines(), caption=caption))
    stops = tuple(f"{number} of {len(shots) - 1}" for number in range(len(shots)))
    return View("rounds", (Reel("", stops, tuple(frames), chart=chart, begin=1),), slider="Round")


def _round_chart(shots: Sequence[_Shot], qualities: Sequence[Quality | None]) -> Chart:
    """Label mIoU and Boundary IoU at each round, and those of the whole data set where they are known."""
    found = {"this image": [shot.measures for shot in shots], "all images": [*map(_measures, qualities)]}
    shares = {
        f"{name}, {where}": [measures[place] for measures in rounds]
        for where, rounds in found.items()
        for place, name in enumerate(("mIoU", "Boundary IoU") if rounds else ())
    }
    places = torch.linspace(0, 1, len(shots)).tolist()
    lines = tuple(Line(name, points(places[: len(line)], line)) for name, line in shares.items())
    words = [f"{name} {', '.join(percent(share, 1) for share in line)}" for name, line in shares.items()]
    across = [(place, f"{number}") for number, place in enumerate(places)]
    return Chart("Labels by round", lines, across, ((0.5, "50 %"), (1.0, "100 %")), "; ".join(words))


class _Step:
    """How the net of one round becomes the label of the next; its reset at every stop of the dial."""

    def __init__(self, scene: _Scene, net: Tensor) -> None:
        made = scene.rules.after_each(scene.image, net, scene.boxes, scene.first)
        self.scene, self.chain = scene, {name: scene.judge(label) for name, label in made.items()}
        self.fills = box_fill_rates(made["inside"], scene.boxes)

    def reset(self, threshold: float) -> tuple[Tensor, tuple[int, ...]]:
        """The label after the reset, and the numbers of the boxes that are reset."""
        inside, rates = self.chain["inside"].label, torch.tensor(self.scene.rules.fill_rates)
        label, low = reset_outliers(inside, self.scene.boxes, self.scene.first, rates, threshold=threshold)
        return label, tuple(low)

    def frames(self, number: int, chain: Mapping[str, _Shot], low: tuple[int, ...]) -> Iterator[Frame]:
        """A frame for each label: the rules that changed its pixels, and the label itself."""
        changed = torch.zeros(self.scene.truth.shape, dtype=torch.uint8)
        for before, name in zip([None, *chain], chain):
            shot, rule, reset = chain[name], RULES[name], low if name == "reset" else ()
            words, count = f"The net of round {number} says: {shot.said}.", ""
            if before:
                differs = chain[before].label != shot.label
                changed = torch.where(differs, list(RULES).index(name), changed).byte()
                words, count = self.words(chain, before, name, reset), f"{int(differs.sum()):,}"
            marks = Panel("which rule changed a pixel last", Labels(changed), CHANGED, words)
            shown = self.scene.panel(f"after {rule.name.lower()}" if before else "the net's answer", shot)
            net = self.scene.panel("net", chain["net"])
            yield Frame(
                words,
                (marks, shown),
                (self.scene.true, net, *[shown] * bool(before), marks),
                Row(rule.name, (count, *shot.cells[:2]), None, rule.color if before else None),
                boxes=self.scene.lines(reset),
                caption=f"{rule.name.lower()}\nmIoU {shot.cells[0]} %",
            )

    def words(self, chain: Mapping[str, _Shot], before: str, name: str, low: tuple[int, ...]) -> str:
        """What one rule does to the label that comes to it."""
        (old, *_), (new, *_), truth = chain[before], chain[name], self.scene.truth
        changed, words = old != new, RULES[name].does
        if name == "reset":
            words += f" Boxes reset: {len(low)} of {len(self.scene.names)}."
        words += f" Pixels changed: {int(changed.sum()):,}"
        if changed.any():
            judged = changed & (truth != VOID)
            right, wrong = (int((judged & (label == truth)).sum()) for label in (new, old))
            words += f"; now right: {right:,}, now wrong: {wrong:,}"
        later = list(chain.values())[list(chain).index(name) :]
        again = sum((one.label != other.label for one, other in pairwise(later)), torch.tensor(False))
        twice = int((changed & (again > 0)).sum())
        return f"{words}; changed again by a later rule: {twice:,}." if twice else f"{words}."

    def rows(self, threshold: float, low: tuple[int, ...]) -> tuple[Row, ...]:
        """How much of each box is filled, what is usual (solid), and below what it is reset (dashed)."""
        kinds = self.scene.boxes.classes.tolist()
        usual = [self.scene.rules.fill_rates[kind] for kind in kinds]
        return tuple(
            Row(
                name,
                (f"{100 * fill:.0f} %, usual {100 * share:.0f} %", "reset" if box in low else "kept"),
                (0, round(fill, 4)),
                self.scene.classes.colors[kind],
                (round(share, 4), round(share * threshold, 4)),
                strong=box in low,
            )
            for box, (name, fill, share, kind) in enumerate(zip(self.scene.names, self.fills, usual, kinds))
        )


def _rules(scene: _Scene, steps: Sequence[_Step]) -> tuple[View, View]:
    """Round by round what every rule does, and what the reset does at every stop of its dial."""
    stops = [step / DIAL for step in range(DIAL + 1)]
    begin = stops.index(RESET)
    note = f" The nets of later rounds learned with a threshold of {RESET:g}; only this step is done again."
    rules, dials = [], []
    for number, step in enumerate(steps):
        name = f"round {number} to {number + 1}"
        frames = tuple(step.frames(number, step.chain, step.reset(RESET)[1]))
        names = tuple(RULES[name].name for name in step.chain)
        rules.append(Reel(name, names, frames, begin=len(frames) - 1))
        shown, ends = [], dict[tuple[int, ...], Frame]()  # the boxes that are reset -> the frame
        until = {name: step.chain[name] for name in ("net", "possible", "inside")}
        for place, threshold in enumerate(stops):
            label, low = step.reset(threshold)
            if low not in ends:
                *_, ends[low] = step.frames(number, until | {"reset": scene.judge(label)}, low)
            end = ends[low]
            words, table = end.words + note * (place != begin), step.rows(threshold, low)
            shown.append(Frame(words, end.panels, end.reads, numbers=table, boxes=end.boxes))
        texts = tuple(f"{100 * threshold:.0f} % of what is usual" for threshold in stops)
        dials.append(Reel(name, texts, tuple(shown), begin=begin))
    heads = ("Rule", "pixels changed", "mIoU %", "Boundary IoU %")
    dial = View(
        "reset",
        tuple(dials),
        choice="Step",
        slider="Reset below",
        heads=("Box", "filled by its class", ""),
        table="Boxes",
        note="The solid line is what the class usually fills; a box is reset below the dashed one.",
    )
    return View("rules", tuple(rules), choice="Step", list="Rule", list_heads=heads), dial
