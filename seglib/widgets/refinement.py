"""The refinement explorer: labels made from boxes, and what each rule makes of them round by round."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seglib.labels import VOID, Classes, describe, numbered, percent
from seglib.weak.boxes import BoxAnnotations, back_to_front, background_of
from seglib.weak.cleaning import Rules, box_fill_rates, reset_outliers
from seglib.weak.labels import Quality, image_quality
from seglib.widgets import refinement_checks as checks
from seglib.widgets.chart import Chart, Line, points
from seglib.widgets.film import Box, Film, Frame, Labels, Palette, Panel, Reel, Row, View, script

DIAL = 100  # stops of the dial between 0 and 1
MOST = 12  # numbers of rounds below the chart


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
            the next round; without rounds there are only schemes.
        first: the scheme that round 0 was trained on, whose label a box is reset to; by default the first.
        fill_rates: (K,) the share of its box that each class usually fills, see
            `seglib.weak.cleaning.fill_rates`; by default 1, the paper's rule.
        threshold: the share of the usual below which a box was reset in the rounds.
        smoothing: whether the rules smooth.
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
        first: str | None = None,
        fill_rates: Tensor | Sequence[float] | None = None,
        threshold: float = 0.5,
        smoothing: bool = True,
        qualities: Sequence[Quality | None] = (),
        **state: Any,
    ) -> None:
        image, truth, boxes, labels = checks.fitted(image, truth, boxes, classes, schemes)
        first = next(iter(labels)) if first is None else first
        nets, rates = checks.probabilities(rounds, classes, truth.shape), checks.rates_of(fill_rates, classes)
        checks.check_rest(first, labels, threshold, qualities, len(nets) + 1)
        rules = Rules(tuple(rates.tolist()), float(threshold), smoothing, background_of(classes))
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
            views += [_rounds(scene, first, shots, qualities), *_rules(scene, steps)]
            chart = views[1].reels[0].chart
            facts.append(f"By round: {chart.words if chart else ''}.")
        super().__init__(image, views, facts, **state)


@dataclass(frozen=True, eq=False)
class _Shot:
    """A label (H, W) uint8, 255 for ignored, and how good it is; None where nothing of the truth is known."""

    label: Tensor
    quality: Quality | None
    words: str

    @property
    def measures(self) -> tuple[float, float, float, float]:
        """MIoU, Boundary IoU, what is ignored, mIoU of the rest, 0..1; NaN where they are unknown."""
        if self.quality is None:
            return (torch.nan,) * 4
        scores = self.quality.filled
        return scores.mean_iou, scores.mean_boundary_iou, self.quality.ignored, self.quality.labelled.mean_iou

    @property
    def cells(self) -> tuple[str, ...]:
        """The measures in per cent."""
        return tuple(percent(share, 1).removesuffix(" %") for share in self.measures)

    @property
    def said(self) -> str:
        """The first two measures in words."""
        if self.quality is None:
            return "not scored, the truth is void"
        iou, rim, *_ = self.measures
        return f"mIoU {percent(iou, 1)}, Boundary IoU {percent(rim, 1)}"


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
        known = bool((self.truth != VOID).any())
        words = describe(label, self.classes)
        words = "ignored".join(words.rsplit("void", 1)) if (label == VOID).any() else words
        return _Shot(label, image_quality(label, self.truth, self.classes) if known else None, words)

    def panel(self, title: str, shot: _Shot) -> Panel:
        """A label; where it is ignored it is not compared with the truth."""
        ignored = shot.label == VOID
        truth = torch.where(ignored, VOID, self.truth) if ignored.any() else self.truth
        return Panel(title, Labels(shot.label), self.palettes[1], shot.words, truth)


def _schemes(scene: _Scene, judged: Mapping[str, _Shot]) -> View:
    """Each label that was made from the boxes alone, next to the truth."""
    frames = []
    for name, shot in judged.items():
        words = f"{name}: {shot.said}."
        if not scene.names:
            words = f"There is no box. {words}"
        if shot.quality is not None and shot.quality.ignored:
            words += (
                f" {shot.cells[2]} % of the pixels are ignored, and scored as the nearest label says; "
                f"without them mIoU is {shot.cells[3]} %."
            )
        panels = (scene.true, scene.panel(name, shot))
        caption = f"{name}\nmIoU {shot.cells[0]} %"
        frames.append(Frame(words, panels, row=Row(name, shot.cells), boxes=scene.lines(), caption=caption))
    heads = ("%", "mIoU", "Boundary IoU", "ignored", "mIoU of the rest")
    return View("schemes", (Reel("", tuple(judged), tuple(frames)),), list="Scheme", list_heads=heads)


def _rounds(scene: _Scene, first: str, shots: Sequence[_Shot], qualities: Sequence[Quality | None]) -> View:
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
    last = len(shots) - 1
    chart = _round_chart([shot.measures for shot in shots], qualities)
    reel = Reel("", tuple(f"{n} of {last}" for n in range(len(shots))), tuple(frames), chart=chart, begin=1)
    return View("rounds", (reel,), slider="Round")


def _round_chart(here: Sequence[tuple[float, ...]], qualities: Sequence[Quality | None]) -> Chart:
    """Label mIoU and Boundary IoU at each round, and those of the whole data set where they are known."""
    places = torch.linspace(0, 1, len(here)).tolist()
    whole = [_Shot(torch.empty(0), one, "").measures for one in qualities]
    lines, words = [], []
    for where, found in (("this image", here), ("all images", whole)):
        for place, name in enumerate(("mIoU", "Boundary IoU") if any(f[0] == f[0] for f in found) else ()):
            heights = [measures[place] for measures in found]
            lines.append(Line(f"{name}, {where}", points(places[: len(heights)], heights)))
            words.append(f"{name}, {where} {', '.join(percent(height, 1) for height in heights)}")
    every = -(-len(here) // MOST)
    across = [(places[number], f"{number}") for number in range(0, len(here), every)]
    up = ((0.5, "50 %"), (1.0, "100 %"))
    said = "; ".join(words) or "not scored, the truth is void"
    return Chart("Labels by round", tuple(lines), across, up, said)


class _Step:
    """How the net of one round becomes the label of the next; its reset at every stop of the dial."""

    def __init__(self, scene: _Scene, net: Tensor) -> None:
        made = scene.rules.after_each(scene.image, net, scene.boxes, scene.first)
        self.scene, self.chain = scene, {name: scene.judge(label) for name, label in made.items()}
        self.fills = box_fill_rates(made["inside"], scene.boxes)

    def reset(self, threshold: float) -> tuple[int, ...]:
        """Numbers of the boxes that are reset; compared as `reset_outliers` does."""
        kinds = self.scene.boxes.classes.tolist()
        limits = [threshold * self.scene.rules.fill_rates[kind] for kind in kinds]
        return tuple(box for box, fill in enumerate(self.fills) if fill < limits[box])

    def until_reset(self, threshold: float) -> dict[str, _Shot]:
        """The labels up to the reset, with another threshold."""
        inside, rates = self.chain["inside"].label, torch.tensor(self.scene.rules.fill_rates)
        given = self.scene.boxes, self.scene.first, rates
        label, _ = reset_outliers(inside, *given, threshold=threshold)
        names = list(self.chain)[: list(self.chain).index("reset")]
        return {name: self.chain[name] for name in names} | {"reset": self.scene.judge(label)}

    def frames(self, number: int, chain: Mapping[str, _Shot], threshold: float) -> Iterator[Frame]:
        """A frame for each label: the rules that changed its pixels, and the label itself."""
        changed = torch.zeros(self.scene.truth.shape, dtype=torch.uint8)
        for before, name in zip([None, *chain], chain):
            shot, rule, reset = chain[name], RULES[name], self.reset(threshold) if name == "reset" else ()
            words, count = f"The net of round {number} says: {shot.said}.", ""
            if before:
                differs = chain[before].label != shot.label
                changed = torch.where(differs, list(RULES).index(name), changed).byte()
                words, count = self.words(chain, before, name, reset), f"{int(differs.sum()):,}"
            marks = Panel("which rule changed a pixel last", Labels(changed), CHANGED, words)
            title = f"after {rule.name.lower()}" if before else "the net's answer"
            shown = self.scene.panel(title, shot)
            net = self.scene.panel("net", chain["net"])
            yield Frame(
                words,
                (marks, shown),
                (self.scene.true, net, *[shown] * bool(before), marks),
                Row(rule.name, (count, *shot.cells[:2]), None, rule.color if before else None),
                boxes=self.scene.lines(reset),
                caption=f"{rule.name.lower()}\nmIoU {shot.cells[0]} %",
            )

    def words(self, chain: Mapping[str, _Shot], before: str, name: str, reset: tuple[int, ...]) -> str:
        """What one rule does to the label that comes to it."""
        old, new, does = chain[before], chain[name], RULES[name].does
        if name == "reset":
            does = f"{does} {_count_reset(len(reset), len(self.scene.names))}"
        changed, truth = old.label != new.label, self.scene.truth
        count = int(changed.sum())
        words = f"{does} That changes {f'{count:,}' if count else 'no'} pixel{'s' * (count > 1)}"
        if count and old.quality is not None:
            judged = changed & (truth != VOID)
            right, wrong = (int((judged & (shot.label == truth)).sum()) for shot in (new, old))
            words += f": {_become(right, 'right')}, {_become(wrong, 'wrong')}"
        later = list(chain.values())[list(chain).index(name) :]
        again = [one.label != other.label for one, other in pairwise(later)]
        twice = int((changed & torch.stack(again).any(dim=0)).sum()) if again else 0
        return words + (f"; a later rule changes {twice:,} of them again." if twice else ".")

    def rows(self, threshold: float) -> tuple[Row, ...]:
        """How much of each box is filled, what is usual (solid), and below what it is reset (dashed)."""
        reset, kinds = self.reset(threshold), self.scene.boxes.classes.tolist()
        usual = [self.scene.rules.fill_rates[kind] for kind in kinds]
        return tuple(
            Row(
                name,
                (f"{100 * fill:.0f} %, usual {100 * share:.0f} %", "reset" if box in reset else "kept"),
                (0, round(fill, 4)),
                self.scene.classes.colors[kind],
                (round(share, 4), round(share * threshold, 4)),
                strong=box in reset,
            )
            for box, (name, fill, share, kind) in enumerate(zip(self.scene.names, self.fills, usual, kinds))
        )


def _rules(scene: _Scene, steps: Sequence[_Step]) -> tuple[View, View]:
    """Round by round what every rule does, and what the reset does at every stop of its dial."""
    used = scene.rules.threshold
    stops = sorted({*(step / DIAL for step in range(DIAL + 1)), used})
    begin = stops.index(used)
    note = f" The nets of later rounds learned with a threshold of {used:g}; only this step is done again."
    rules, dials = [], []
    for number, step in enumerate(steps):
        name = f"round {number} to {number + 1}"
        frames = tuple(step.frames(number, step.chain, used))
        names = tuple(RULES[name].name for name in step.chain)
        rules.append(Reel(name, names, frames, begin=len(frames) - 1))
        shown, ends = [], dict[tuple[int, ...], Frame]()  # the boxes that are reset -> the frame
        for place, threshold in enumerate(stops):
            if (reset := step.reset(threshold)) not in ends:
                *_, ends[reset] = step.frames(number, step.until_reset(threshold), threshold)
            end = ends[reset]
            words = end.words + note * (place != begin)
            shown.append(Frame(words, end.panels, end.reads, numbers=step.rows(threshold), boxes=end.boxes))
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


def _count_reset(reset: int, total: int) -> str:
    """How many boxes are reset."""
    if total < 2:
        kind = "reset" if reset else "kept"
        return f"The only box is {kind}." if total else "There is no box."
    if reset in (0, total):
        return f"All {total} boxes are {'reset' if reset else 'kept'}."
    return f"{reset} of {total} boxes {'are' if reset > 1 else 'is'} reset."


def _become(count: int, what: str) -> str:
    return f"{count:,} become{'s' * (count == 1)} {what}" if count else f"none becomes {what}"
