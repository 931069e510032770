"""The registry: what is run (experiments), and what is judged by it (claims).

An experiment is run once for each data set and seed; its arms are the things compared. Several claims read
the same rows. Every number of this course that was measured in a run of minutes is a row of an experiment;
`make bench CLAIM=R2` fills what a claim needs, `make claims` renders `docs/claims.md`.

Experiments and data sets stand in the order of their importance: a measurement that is stopped leaves whole
claims. Nothing is chosen on test splits. Runs count steps, not seconds, so that rows do not depend on how
busy a machine is; where a claim is about time, it is about a ratio of times of the same run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from benchmarks import rows

FILE = "benchmarks/experiments.py"
DATA = ("scenes", "pets", "camvid")
PHOTOGRAPHS = ("pets", "camvid")
SIZES = {"scenes": [96, 96], "pets": [96, 96], "camvid": [96, 128]}  # what a net sees
MIOU, OUTLINE, PIXELS, CLASSES = "mIoU, %", "Boundary IoU, %", "pixel accuracy, %", "class accuracy, %"
LABEL, LAZY, RARE = "label mIoU, %", "mIoU of all background, %", "IoU of rare classes, %"
BOX, MASK = 7.0, 79.2  # seconds an object: Papadopoulos et al. 2017, extreme clicking; Lin et al. 2014, COCO

# What results rest on. Modules that only show something (tables, progress, draw) are left out.
JUDGE = ("seglib/metrics.py", "seglib/evaluate.py", "seglib/labels.py")
IMAGES = (
    "seglib/scenes", "seglib/data/dataset.py", "seglib/data/catalog.py", "seglib/data/photographs.py",
)  # fmt: skip
LEARN = (
    *JUDGE, *IMAGES, "seglib/backbones", "seglib/fcn", "seglib/training", "seglib/train.py",
    "seglib/losses.py",
    "seglib/segmenters.py", *(f"seglib/data/{name}.py" for name in ("in_memory", "batches")),
)  # fmt: skip
REGIONS = (*JUDGE, *IMAGES, "seglib/regions", "seglib/boxes.py", "seglib/backbones")
WEAK = (*LEARN, "seglib/weak", "seglib/boxes.py")
BALANCE = tuple(f"seglib/data/{name}.py" for name in ("balance", "sampling"))
UNUSED = {f"seglib/{name}.py": frozenset(functions.split()) for name, functions in (  # by experiments
    ("segmenters", "save export load build write read"), ("regions/segmenter", "save load"),
    ("fcn/segmenter", "build"), ("data/sampling", "table"), ("data/photographs", "voc_classes"),
    ("weak/rounds", "__str__"),
)}  # fmt: skip


@dataclass(frozen=True)
class Experiment:
    """Runs of one kind: a function of `benchmarks/experiments.py` with the same name.

    Attributes:
        name: of the function, and of the file of rows.
        groups: the arms; those of one group are measured in one run.
        code: modules that the values rest on.
        options: of the function, for all data sets.
        data: data sets, the most important first.
        seeds: one run for each.
        packages: what must be installed beyond the project; without them nothing is run.
        alone: whether it measures time, so that nothing else may run meanwhile.
    """

    name: str
    groups: tuple[tuple[str, ...], ...]
    code: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[str, ...] = DATA
    seeds: tuple[int, ...] = (0, 1, 2)
    packages: tuple[str, ...] = ()
    alone: bool = False

    @property
    def arms(self) -> tuple[str, ...]:
        """All arms."""
        return tuple(arm for group in self.groups for arm in group)

    def options_for(self, data: str) -> dict[str, Any]:
        """The options of a run, as a row has them."""
        return json.loads(json.dumps({"size": SIZES[data], **self.options}))


STRIDES = ("stride 4", "stride 8", "stride 16", "stride 32")
SHARES = tuple(f"{one}, class shares" for one in STRIDES)
FIT = {"images": 160, "judged": 40, "steps": 120}
FEW = {"images": 80, "judged": 40, "steps": 120}
EXPERIMENTS = [
    Experiment("skips", (("FCN-32s", "FCN-16s", "FCN-8s", "FCN-32s, as long"),), LEARN, FIT),
    Experiment(
        "starts",
        (("FCN-8s at once",), ("the same, score layers only",), ("the same, from scratch",)), LEARN, FIT,
    ),
    Experiment(
        "region_kinds", (("full", "foreground", "joined", "FCN-8s on the same images"),),
        (*LEARN, *REGIONS), {"images": 30, "judged": 24, "number": 100, "crop": 64, "steps": 120},
    ),
    Experiment("ceilings", (("all proposals", "as many as are scored"),), REGIONS, {"judged": 30,
        "number": 100}),
    Experiment("times", (("one image",),), (*LEARN, *REGIONS),
               {"judged": 1, "number": 250, "crop": 96}, alone=True),
    Experiment(
        "imbalance",
        (("no weights",), ("median-frequency weights",), ("class-balanced sampling",)), (*LEARN, *BALANCE),
        FIT | {"frequency": 0.1}, data=("scenes", "camvid"),
    ),
    Experiment(
        "from_boxes",
        (("full supervision",), ("filled boxes",), ("GrabCut+",), ("M-and-G+",), ("Box-i",),
         ("BoxSup, round 0",), ("GrabCut+-i",)),
        (*WEAK, "seglib/regions"), FEW,
    ),
    Experiment(
        "label_cost",
        (("the masks of 1 in 11",), ("the masks of 1 in 4",), ("the masks of 1 in 2",),
         ("boxes, and the masks of 1 in 4",)),
        WEAK, FEW,
    ),
    Experiment(
        "later_rounds", (("naive recursion",), ("the rules",), ("GrabCut+, round 1",)), WEAK, FEW,
    ),
    Experiment("strides", (STRIDES + SHARES,), (*JUDGE, *IMAGES), {"judged": 40}),
    Experiment("touching", (("the true masks",),), IMAGES, {"judged": 100}, data=("scenes",)),
    Experiment("class_shares", (("balanced images",), ("unbalanced images",)), (*LEARN, *BALANCE),
               FIT | {"images": 110}, data=("scenes", "pets")),
    Experiment("blurred", (("a third of them blurred",), ("the most blurred third removed",)),
               (*LEARN, "seglib/data/quality.py"), FIT | {"sigma": 3}),
    Experiment("more_images", (("a quarter of the images",),), LEARN, FIT),
    Experiment("score_layer", (("FCN-32s, score layer only",),), LEARN, FIT),
    Experiment("blur_score", (("our score", "variance of the Laplacian"),), (*IMAGES,
        "seglib/data/quality.py"),
               {"judged": 60}),
    Experiment("searches", (("ours, FAST", "OpenCV, Quality"),), REGIONS, {"judged": 20}, data=PHOTOGRAPHS,
               alone=True),
    Experiment("goals", (("FCN-8s in the given time",),), LEARN, data=PHOTOGRAPHS, alone=True),
    Experiment(
        "peers", (("FCN-8s, 60 s",), ("smp FPN + Lightning, 180 s",)),
        LEARN, data=PHOTOGRAPHS, packages=("segmentation-models-pytorch", "lightning", "albumentations"),
        alone=True,
    ),
]  # fmt: skip

Value = Callable[..., float]  # (arm, measure=MIOU) -> the value of one seed
Gains = Callable[[Value], tuple[float, ...]]
Judge = Callable[[list[tuple[float, ...]]], str]
HOLDS, FAILS, UNDECIDED, MISSING = "holds", "does not hold", "undecided", "not measured"


def every_seed(gains: list[tuple[float, ...]]) -> str:
    """It holds if all margins are above 0 in every seed, and does not if in every seed one of them is not."""
    least = [min(gain) for gain in gains]
    return HOLDS if min(least) > 0 else FAILS if max(least) <= 0 else UNDECIDED


def two_spreads(gains: list[tuple[float, ...]]) -> str:
    """It holds if every mean margin is above 2 standard deviations, and does not if one is below minus 2."""
    means = [(mean(margin), 2 * stdev(margin)) for margin in zip(*gains)]
    if all(value > spread for value, spread in means):
        return HOLDS
    return FAILS if any(value < -spread for value, spread in means) else UNDECIDED


@dataclass(frozen=True)
class Claim:
    """A sentence, who published it, and the rule that decides from rows whether it holds here.

    Attributes:
        id: what `make bench CLAIM=` and `[[table:...]]` call it.
        says: the claim.
        source: paper, with its table or section.
        published: the published numbers.
        arms: what is compared, in the order of the table.
        gains: of the values of one seed, the margins by which it holds; all must be above 0.
        rule: `every_seed` or `two_spreads`.
        measures: what its table shows.
        data: data sets; by default those of its experiments.
    """

    id: str
    says: str
    source: str
    published: str
    arms: tuple[str, ...]
    gains: Gains
    rule: Judge = every_seed
    measures: tuple[str, ...] = (MIOU,)
    data: tuple[str, ...] = ()

    @property
    def experiments(self) -> list[Experiment]:
        """Those that have its arms, in the registry's order."""
        return [one for one in EXPERIMENTS if set(one.arms) & set(self.arms)]

    @property
    def sets(self) -> tuple[str, ...]:
        """The data sets that it is judged on."""
        return self.data or tuple(d for d in DATA if all(d in one.data for one in self.experiments))


def share(arm: str) -> Gains:
    """By how much an arm's part of the gain of full supervision over all background is above 95 %."""

    def gains(v: Value) -> tuple[float, ...]:
        lazy = v("full supervision", LAZY)
        return (100 * (v(arm) - lazy) / max(v("full supervision") - lazy, 1e-6) - 95,)

    return gains


def above(*arms: str, measure: str = MIOU, by: float = 0.0) -> Gains:
    """By how much each arm is above the next one, beyond `by`."""
    return lambda v: tuple(v(a, measure) - v(b, measure) - by for a, b in pairwise(arms))


FCN_PAPER = "Long, Shelhamer, Darrell 2015 (FCN)"
SDI, RCNN = "Khoreva et al. 2017 (Simple Does It)", "Girshick et al. 2014 (R-CNN)"
SEGNET = "Badrinarayanan et al. 2017 (SegNet)"
OURS, SEED = "this course", "the article that this course follows"
CLAIMS = [
    Claim("R1", "The truth on a coarse grid, enlarged again, scores less with every doubling of the stride; "
          "the "
          "shares of the classes in each cell keep more than the class of one pixel does.",
          f"{FCN_PAPER}, appendix A", "98.5 > 96.4 > 92.8 > 86.1 mIoU at strides 4, 8, 16, 32",
          STRIDES + SHARES,
          lambda v: (*above(*STRIDES)(v), *above(*SHARES)(v), *(v(a) - v(b) for a, b in zip(SHARES,
          STRIDES))),
          measures=(MIOU, OUTLINE)),
    Claim("R2", "FCN-8s is better than FCN-16s, and that than FCN-32s.", f"{FCN_PAPER}, table 2",
          "62.7 > 62.4 > 59.4 mIoU", ("FCN-8s", "FCN-16s", "FCN-32s", "FCN-32s, as long"),
          above("FCN-8s", "FCN-16s", "FCN-32s"), measures=(MIOU, OUTLINE)),
    Claim("R3", "From FCN-32s, trained as long, to FCN-8s, boundaries gain more than mIoU.",
          f"{FCN_PAPER}, section 4.2", "finer detail, in words", ("FCN-8s", "FCN-32s, as long"),
          lambda v: (v("FCN-8s", OUTLINE) - v("FCN-32s, as long", OUTLINE)
                     - v("FCN-8s") + v("FCN-32s, as long"),), measures=(MIOU, OUTLINE)),
    Claim("R4", "Training all layers is better than training score layers only, and both from ImageNet "
          "weights "
          "are better than from scratch.", f"{FCN_PAPER}, table 2 and section 4.3",
          "59.4 > 45.4 mIoU; from scratch is not feasible",
          ("FCN-8s at once", "the same, score layers only", "the same, from scratch"),
          above("FCN-8s at once", "the same, score layers only", "the same, from scratch"),
          measures=(MIOU, OUTLINE)),
    Claim("R4b", "Training FCN-8s in stages and at once end within 2 points of mIoU.",
          f"{FCN_PAPER}, its code release", "65.5 and 65.4 mIoU", ("FCN-8s", "FCN-8s at once"),
          lambda v: (2 - abs(v("FCN-8s") - v("FCN-8s at once")),)),
    Claim("R5", "FCN-8s takes less than a hundredth of the time of the region method with 2000 regions.",
          f"{FCN_PAPER}, table 3", "114 times faster, counting the nets alone; 286 times in all",
          ("one image",),
          lambda v: (v("one image", "2000 regions, s") / v("one image", "FCN-8s, s") - 100,),
          measures=("FCN-8s, s", "2000 regions, s", "regions that there are")),
    Claim("R5b", "So it does with as many regions as `predict` uses.", OURS, "", ("one image",),
          lambda v: (v("one image", "default regions, s") / v("one image", "FCN-8s, s") - 100,),
          measures=("FCN-8s, s", "default regions, s")),
    Claim("R6", "Full and foreground features joined are better than the foreground's, and these than the "
          "full "
          "box's.", f"{RCNN}, table 5, fc6", "47.9 > 43.7 > 43.0 mIoU (fc7: 45.8, 42.1, 42.5), by CPMC "
          "regions",
          ("joined", "foreground", "full"), above("joined", "foreground", "full")),
    Claim("R7", "Proposals set a ceiling: with a perfect classifier they would give 10 points more than the "
          "region method has, and yet 5 points less than the truth.", "Uijlings et al. 2013, section 5", "",
          ("as many as are scored", "joined", "all proposals"),
          lambda v: (v("as many as are scored") - v("joined") - 10, 95 - v("as many as are scored")),
          measures=(MIOU, "ABO, %", "recall at .5, %")),
    Claim("A1", "On photographs, boundaries made of regions are worse than those of FCN-8s.", SEED, "",
          ("FCN-8s on the same images", "joined"), above("FCN-8s on the same images", "joined",
          measure=OUTLINE),
          measures=(OUTLINE, MIOU), data=PHOTOGRAPHS),
    Claim("A2", "Features of classification are not features of segmentation: trained further, FCN-32s "
          "gains 5 "
          "points and more over a new score layer alone.", f"{FCN_PAPER}, table 2; {SEED}",
          "59.4 > 45.4 mIoU",
          ("FCN-32s", "FCN-32s, score layer only"), above("FCN-32s", "FCN-32s, score layer only", by=5)),
    Claim("R8", "M-and-G+ reaches 95 % of the gain of full supervision.", f"{SDI}, table 2",
          "65.7 of 69.1 mIoU: 95.1 %, of plain mIoU", ("full supervision", "M-and-G+"), share("M-and-G+"),
          measures=(MIOU, OUTLINE, LABEL)),
    Claim("R8b", "BoxSup reaches 95 % of the gain of full supervision.",
          "Dai, He, Sun 2015 (BoxSup), table 1",
          "62.0 of 63.8 mIoU: 97.2 %, of plain mIoU", ("full supervision", "BoxSup, round 0"),
          share("BoxSup, round 0"), measures=(MIOU, OUTLINE, LABEL)),
    Claim("R8c", "GrabCut+ and one round with the rules reach 95 % of the gain of full supervision.", OURS,
          "",
          ("full supervision", "GrabCut+, round 1", "GrabCut+"), share("GrabCut+, round 1"),
          measures=(MIOU, OUTLINE, LABEL)),
    Claim("R9", "From filled boxes, the rules make labels better from round to round; naive recursion makes "
          "them "
          "worse.", f"{SDI}, figure 3", "a figure", ("naive recursion", "the rules"),
          lambda v: (v("the rules", LABEL) - v("the rules", "label mIoU before, %"),
                     v("naive recursion", "label mIoU before, %") - v("naive recursion", LABEL)),
          measures=("label mIoU before, %", LABEL, MIOU)),
    Claim("R10a", "Box-i is better than filled boxes: ignored pixels are better than wrong ones.",
          f"{SDI}, table 1", "62.7 > 61.2 mIoU", ("Box-i", "filled boxes"), above("Box-i", "filled boxes"),
          measures=(MIOU, OUTLINE, LABEL)),
    Claim("R10b", "M-and-G+ is better than GrabCut+.", f"{SDI}, table 1", "65.7 > 63.4 mIoU",
          ("M-and-G+", "GrabCut+"), above("M-and-G+", "GrabCut+"), measures=(MIOU, OUTLINE, LABEL)),
    Claim("R11", "Median-frequency weights raise class accuracy and the IoU of rare classes, and cost pixel "
          "accuracy.", f"{SEGNET}, table 1", "class accuracy +7.4, pixel accuracy -1.3",
          ("median-frequency weights", "no weights"),
          lambda v: (*above("median-frequency weights", "no weights", measure=CLASSES)(v),
                     *above("median-frequency weights", "no weights", measure=RARE)(v),
                     *above("no weights", "median-frequency weights", measure=PIXELS)(v)),
          measures=(CLASSES, RARE, PIXELS, MIOU)),
    Claim("A3", "Weights in the loss raise the IoU of rare classes more than sampling images does.", OURS, "",
          ("median-frequency weights", "class-balanced sampling", "no weights"),
          above("median-frequency weights", "class-balanced sampling", measure=RARE),
          measures=(RARE, MIOU)),
    Claim("A4", "With the same number of images, balanced classes teach more than unbalanced ones.", SEED, "",
          ("balanced images", "unbalanced images"), above("balanced images", "unbalanced images"),
          measures=(MIOU, RARE)),
    Claim("R12", "More images are better: four times as many, with the same number of steps.",
          f"{FCN_PAPER}, section 4.2", "+3.4 mIoU by 7.6 times as many",
          ("FCN-8s at once", "a quarter of the images"), above("FCN-8s at once", "a quarter of the images")),
    Claim("R13", "Removing blurred images from training helps, though fewer are left.", SEED, "",
          ("the most blurred third removed", "a third of them blurred"),
          above("the most blurred third removed", "a third of them blurred"), measures=(MIOU, OUTLINE)),
    Claim("A5", "A mask of classes cannot count objects that touch: even the true masks give a wrong count "
          "in "
          "one image of ten.", SEED, "", ("the true masks",),
          lambda v: (v("the true masks", "images with a wrong count, %") - 10,),
          measures=("images with a wrong count, %", "objects", "connected pieces")),
    Claim("A6", "For the same minutes of labelling, boxes for all images teach more than masks for one in "
          "11.",
          SEED, "a mask takes 79 s an object (Lin et al. 2014), a box 7 s (Papadopoulos et al. 2017)",
          ("GrabCut+", "the masks of 1 in 11", "the masks of 1 in 4", "the masks of 1 in 2",
           "full supervision"), above("GrabCut+", "the masks of 1 in 11"), measures=(MIOU, "labelling, min")),
    Claim("A7", "Masks for a quarter of the images, among boxes for the rest, are better than boxes alone.",
          "Dai, He, Sun 2015 (BoxSup), table 2", "63.5 > 62.0 mIoU",
          ("boxes, and the masks of 1 in 4", "GrabCut+"), above("boxes, and the masks of 1 in 4", "GrabCut+"),
          measures=(MIOU, "labelling, min")),
    Claim("P1", "Our proposals overlap objects as well as OpenCV's selective search at the same number: ABO "
          "of "
          "boxes within 2 points.", OURS, "", ("ours, FAST", "OpenCV, Quality"),
          lambda v: (v("ours, FAST", "ABO at the same number, %")
                     - v("OpenCV, Quality", "ABO at the same number, %") + 2,),
          measures=("ABO, %", "ABO at the same number, %", "boxes", "an image, s")),
    Claim("P2", "FCN-8s after 60 s is as good as FPN of segmentation_models.pytorch after 180 s, both from "
          "ImageNet "
          "weights.", OURS, "", ("FCN-8s, 60 s", "smp FPN + Lightning, 180 s"),
          above("FCN-8s, 60 s", "smp FPN + Lightning, 180 s"), measures=(MIOU, "steps", "seconds")),
    Claim("P3", "FCN-8s has an mIoU of 90 % on pets after 120 s, and of 60 % on CamVid after 600 s, on two "
          "cores.",
          OURS, "", ("FCN-8s in the given time",),
          lambda v: (v("FCN-8s in the given time") - v("FCN-8s in the given time", "goal, %"),),
          measures=(MIOU, "goal, %", "seconds")),
    Claim("P4", "Our blur score tells images blurred by 2 pixels from sharp ones, both noisy: ROC area of "
          "95 %.",
          OURS, "", ("our score", "variance of the Laplacian"),
          lambda v: (v("our score", "ROC area, %") - 95,), measures=("ROC area, %",)),
]  # fmt: skip
BY_ID = {claim.id: claim for claim in CLAIMS}


class Verdict(NamedTuple):
    """What rows say about a claim on one data set.

    Attributes:
        word: HOLDS, FAILS, UNDECIDED or MISSING.
        margins: of each seed, the least margin; above 0 it held there.
        stale: whether a row is of earlier code or other options.
    """

    word: str
    margins: list[float]
    stale: bool


class Shown(NamedTuple):
    """A table that is no claim's: its name, and the arms and data sets in it."""

    id: str
    arms: tuple[str, ...]
    sets: tuple[str, ...]


class Results:
    """All rows, and what they say.

    Args:
        folder: the files of rows.
        root: the repository, whose code decides which rows are stale.
        experiments: those whose rows count.
    """

    def __init__(
        self,
        folder: Path = rows.RESULTS,
        root: Path = rows.ROOT,
        experiments: Sequence[Experiment] = EXPERIMENTS,
    ) -> None:
        self.folder, self.root, self.experiments = folder, root, {one.name: one for one in experiments}
        self.of_arm = {arm: one for one in experiments for arm in one.arms}
        self._rows = {name: rows.read(self.file(name)) for name in self.experiments}

    def file(self, name: str) -> Path:
        """The rows of an experiment."""
        return self.folder / f"{name}.jsonl"

    @cached_property
    def code(self) -> dict[str, str]:
        """The hash of today's code of each experiment."""
        every = frozenset(one.name for one in EXPERIMENTS)
        return {
            name: rows.code_hash(self.root, sorted({*one.code}), (FILE, name, every), UNUSED)
            for name, one in self.experiments.items()
        }

    def row(self, arm: str, data: str, seed: int) -> rows.Row | None:
        """A row, of whatever code; None where there is none."""
        return self._rows[self.of_arm[arm].name].get((arm, data, seed))

    def is_fresh(self, row: rows.Row | None) -> bool:
        """Whether there is a row, of today's code and options."""
        if row is None:
            return False
        one = self.experiments[row["experiment"]]
        return row["code"] == self.code[one.name] and row["options"] == one.options_for(row["data"])

    def verdict(self, claim: Claim, data: str) -> Verdict:
        """Whether a claim holds on a data set."""
        seeds = self.of_arm[claim.arms[0]].seeds
        found = {(arm, seed): self.row(arm, data, seed) for arm in claim.arms for seed in seeds}
        if any(row is None for row in found.values()):
            return Verdict(MISSING, [], False)

        def value(seed: int) -> Value:
            return lambda arm, measure=MIOU: (found[arm, seed] or {})["values"].get(measure, math.nan)

        gains = [claim.gains(value(seed)) for seed in seeds]
        if any(math.isnan(margin) for gain in gains for margin in gain):
            return Verdict(MISSING, [], False)
        stale = not all(self.is_fresh(row) for row in found.values())
        return Verdict(claim.rule(gains), [min(gain) for gain in gains], stale)

    def values(self, arm: str, data: str, measure: str) -> list[float]:
        """The values of all seeds that there are."""
        found = (self.row(arm, data, seed) for seed in self.of_arm[arm].seeds)
        return [row["values"][measure] for row in found if row is not None and measure in row["values"]]

    def gaps(self, claim: Claim | Shown) -> list[str]:
        """The rows that it lacks, or has of earlier code, a sentence for each arm and data set."""
        said = []
        for data in claim.sets:
            for arm in claim.arms:
                found = [self.row(arm, data, seed) for seed in self.of_arm[arm].seeds]
                missing, stale = found.count(None), sum(not self.is_fresh(row) for row in found if row)
                if missing or stale:
                    said.append(f"{claim.id}, {data}, {arm}: {missing} missing, {stale} stale")
        return said
