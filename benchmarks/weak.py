"""What boxes teach: every scheme, the rounds, masks with boxes, and bad boxes, next to full supervision.

Each part is asked for by its name, and each number is a training run of the same net for the same steps:

    full      true masks, validated ten times, and again for twice as long: is it at its plateau?
    schemes   labels of every scheme: their quality, then what a net makes of them
    rounds    train, predict, clean, train: naive recursion, the paper's rules, the rules that know how much
              of its box a class fills, and BoxSup's; label and net, round by round
    scales    at which size should a net be asked for labels? On the *validation* split, to choose by
    mixed     m masks alone, and m masks with boxes for the rest, by seconds of annotation
    noise     boxes that are loosened, shifted, missing or of the wrong class

Judged on the test split, which nothing here was chosen on. The ratio is that of the *gain over all
background*: (net - background) / (full supervision - background), both of one seed; a ratio of plain mIoU
would flatter what learned nothing. Published on VOC 2012: 95.1 % (M-and-G+), 97.2 % (BoxSup), of plain mIoU.

    SEGLIB_DATA=... python benchmarks/weak.py schemes [full rounds scales mixed noise]
        [--data pets camvid scenes] [--steps 600] [--seeds 3] [--images 240] [--judged 100] [--rounds 4]
        [--side 128] [--label-scale 1] [--shares 0.05 0.1 0.25 0.5] [--folder FOLDER]

With --folder a run that was stopped goes on: every result, and every round, is kept there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import _noise as noise
from _machine import machine
from _noise import with_masks
from _rows import held, rim, spread
from _weak_bench import SIZES, Bench, Result, worth

from seglib.data.dataset import SegmentationDataset
from seglib.regions import propose
from seglib.segmenters import NetSegmenter
from seglib.tables import Table
from seglib.weak.boxes import BoxAnnotations
from seglib.weak.cleaning import BoxSup, Relabel, Rules, fill_rates, naive
from seglib.weak.labels import PseudoLabels, Quality, compare, quality
from seglib.weak.rounds import rounds
from seglib.weak.schemes import SCHEMES

BOX, MASK = 7.0, 79.2  # seconds: Papadopoulos et al. 2017; Lin et al. 2014
LARGER = 0.75, 1.0, 1.25, 1.5, 2.0  # times the size of the training
SHARES = 0.05, 0.1, 0.25, 0.5  # of the images that have a mask
NOISES: dict[str, Callable[[BoxAnnotations, tuple[int, int], list[int]], BoxAnnotations]] = {
    "as drawn": lambda one, size, names: one,
    **{f"{f} times as wide and high": lambda one, size, names, f=f: noise.loosened(one, f, size)
       for f in (1.1, 1.25, 1.5)},
    **{f"sides moved by up to {s:.0%}": lambda one, size, names, s=s: noise.shifted(one, s, size, seed=0)
       for s in (0.05, 0.1, 0.2)},
    **{f"{s:.0%} missing": lambda one, size, names, s=s: noise.missing(one, s, seed=0) for s in (0.1, 0.3)},
    **{f"{s:.0%} of the wrong class": lambda one, size, names, s=s: noise.misnamed(one, s, names, seed=0)
       for s in (0.1, 0.3)},
}  # fmt: skip


def full(bench: Bench) -> None:
    """Is full supervision at its plateau?"""
    runs = bench.full()
    longer = [bench.trained("full, twice as long", bench.data, s, times=2) for s in range(bench.asked.seeds)]
    for seed, run in enumerate(runs):
        curve = ", ".join(f"{number} {value:.1f}" for number, value in run["curve"].items())
        print(f"validation by step, seed {seed}: {curve}")
    rows = [bench.row("full supervision", runs), bench.row("twice as long", longer)]
    bench.table("Full supervision", rows)


def schemes(bench: Bench) -> None:
    """Every scheme: label quality first, then the nets."""
    found: dict[str, Quality] = {}
    rows, every = [bench.row("full supervision", bench.full())], {}
    for scheme in bench.asked.schemes:
        found[scheme] = quality(labels := bench.labels(scheme))
        every[scheme] = bench.runs(scheme, labels)
        rows.append(bench.row(scheme, every[scheme]))
    print(f"\n{compare(found)}")
    bench.table("Schemes", rows)
    for better, worse in (("box-i", "rectangles"), ("grabcut+-i", "grabcut+"), ("m-and-g+", "grabcut+")):
        if better in every and worse in every:
            held(f"{better} > {worse}", [a["miou"] - b["miou"] for a, b in zip(every[better], every[worse])])
    best = max(every, key=lambda scheme: sum(bench.ratios(every[scheme])))
    print(f"the best, {best}: {bench.share(every[best])} % of the gain; the goal is 95 %", flush=True)


def ways(bench: Bench) -> dict[str, tuple[str, Relabel]]:
    """What the rounds begin with and how they go on."""
    classes = len(bench.data.classes)
    usual = tuple(fill_rates(bench.labels("grabcut+")).tolist())
    paper, ours = Rules((1.0,) * classes), Rules(usual)
    return {
        "naive recursion": ("rectangles", naive), "rectangles, paper's rules": ("rectangles", paper),
        "rectangles, rules by fill": ("rectangles", ours), "box-i, rules by fill": ("box-i", ours),
        "grabcut+, rules by fill": ("grabcut+", ours), "grabcut+-i, rules by fill": ("grabcut+-i", ours),
        "boxsup": ("boxsup", BoxSup(propose)),
    }  # fmt: skip


def in_rounds(bench: Bench) -> None:
    """Labels and nets, round by round."""
    asked = bench.asked
    for what, (scheme, relabel) in ways(bench).items():
        if asked.ways and what not in asked.ways:
            continue
        runs = [_rounds(bench, what, scheme, relabel, seed) for seed in range(asked.seeds)]
        rows = []
        for number in range(asked.rounds):
            here = [run[number] for run in runs]
            more = [spread([one[key] for one in here]) for key in ("label miou", "label rim", "larger miou")]
            larger = [{**one, "miou": one["larger miou"]} for one in here]
            rows.append(bench.row(f"round {number}", here, *more, bench.share(larger)))
        title = f"Rounds, {what}, labels at {asked.label_scale:g} times the size of training"
        asked_so = f"mIoU, asked at {asked.label_scale:g}"
        bench.table(title, rows, "label mIoU", "label boundary", asked_so, "of full gain")
        for number in range(1, asked.rounds):
            for key in ("label miou", "miou"):
                gains = [run[number][key] - run[number - 1][key] for run in runs]
                held(f"{what}, {key}: round {number} > round {number - 1}", gains)


def _rounds(bench: Bench, what: str, scheme: str, relabel: Relabel, seed: int) -> list[Result]:
    """The rounds of one seed."""

    def work() -> Result:
        name = (
            f"{what}, {bench.asked.images} images, {bench.asked.steps} steps, {bench.size}, seed {seed}"
            f", labels at {bench.asked.label_scale:g}"
        )
        folder = bench.asked.folder and bench.asked.folder / bench.name / "rounds" / name
        rows = []
        for one in rounds(
            bench.net, bench.labels(scheme), relabel=relabel, max_rounds=bench.asked.rounds, min_change=0,
            seed=seed, folder=folder, size=bench.size, label_scale=bench.asked.label_scale,
            jobs=bench.asked.jobs, **bench.training,
        ):  # fmt: skip
            assert one.quality is not None
            label = {"label miou": 100 * one.quality.filled.mean_iou, "label rim": rim(one.quality.filled)}
            scale = bench.asked.label_scale
            asked = NetSegmenter(one.segmenter.net, bench.data.classes, size=bench.size, scale=scale)
            larger = bench.judged(asked)["miou"]
            rows.append(
                {**bench.judged(one.segmenter), **label, "larger miou": larger, "seconds": one.seconds}
            )
            print(f"  {what}, seed {seed}: {one}; test {rows[-1]['miou']:.1f}", flush=True)
        return {"rows": rows}

    many, scale = bench.asked.rounds, bench.asked.label_scale
    return bench.known(f"{what}, {many} rounds, labels at {scale:g}, seed {seed}", work)["rows"]


def scales(bench: Bench) -> None:
    """Nets from masks and from boxes, asked at several sizes, on the validation split; nothing is cleaned."""
    rows = []
    for what, data in (
        ("full supervision", bench.data),
        (bench.asked.scheme, bench.labels(bench.asked.scheme)),
    ):
        runs = [bench.by_scale(what, data, seed, LARGER) for seed in range(bench.asked.seeds)]
        rows.append([what, *(spread([run[f"{scale:g}"] for run in runs]) for scale in LARGER)])
    head = ["validation mIoU, %", *(f"at {scale:g}" for scale in LARGER)]
    print(Table(f"\nSizes, {bench.name}, times that of training", head, rows), flush=True)


def mixed(bench: Bench) -> None:
    """True masks alone, and with boxes for the rest; how many masks are the boxes worth?"""
    labels, objects = bench.labels(bench.asked.scheme), sum(len(one.boxes) for one in bench.boxes)
    boxes_only = bench.runs(bench.asked.scheme, labels)
    rows = [bench.row("boxes alone", boxes_only, f"{objects * BOX:.0f}")]
    alone = [(0, bench.lazy["miou"])]
    for count in sorted({round(share * len(labels)) for share in bench.asked.shares} - {0, len(labels)}):
        mask = objects * count / len(labels) * MASK  # seconds, if images have as many objects as on average
        both = mask + objects * (1 - count / len(labels)) * BOX
        for what, make in MIXES.items():
            if make is _as_often and 2 * count >= len(labels):
                continue  # they are seen as often as they are
            runs = [
                bench.trained(what.format(bench.asked.scheme, count), make(bench, labels, count, seed), seed)
                for seed in range(bench.asked.seeds)
            ]
            told = what.format("boxes", count)
            rows.append(bench.row(told, runs, f"{mask if make is _masks_alone else both:.0f}"))
        alone.append((count, mean(run["miou"] for run in runs)))
    rows.append(bench.row(f"{len(labels)} masks", bench.full(), f"{objects * MASK:.0f}"))
    alone.append((len(labels), mean(run["miou"] for run in bench.full())))
    bench.table("Masks and boxes", rows, "annotation seconds")
    reached = mean(run["miou"] for run in boxes_only)
    print(f"the boxes of {len(labels)} images are worth {worth(reached, alone)}", flush=True)


def _with_boxes(bench: Bench, labels: PseudoLabels, count: int, seed: int) -> PseudoLabels:
    """`count` masks, and boxes for the other images."""
    return with_masks(labels, count, seed=seed)[0]


def _as_often(bench: Bench, labels: PseudoLabels, count: int, seed: int) -> PseudoLabels:
    """The same, with the masks repeated until a net sees one as often as a box."""
    both, drawn = with_masks(labels, count, seed=seed)
    others = sorted(set(range(len(labels))) - set(drawn))
    return both.subset([*others, *drawn * max(1, round(len(others) / count))])


def _masks_alone(bench: Bench, labels: PseudoLabels, count: int, seed: int) -> SegmentationDataset:
    """The images that have a true mask, alone."""
    return bench.data.subset(with_masks(labels, count, seed=seed)[1])


MIXES: dict[str, Callable[[Bench, PseudoLabels, int, int], SegmentationDataset]] = {
    "{}, {} masks": _with_boxes,
    "{}, {} masks seen as often": _as_often,
    "{1} masks alone": _masks_alone,
}


def noisy(bench: Bench) -> None:
    """What bad boxes cost."""
    names = [k for k in range(len(bench.data.classes)) if k != bench.data.classes.background]
    rows = []
    for what, spoil in NOISES.items():
        bad = [spoil(one, tuple(bench.data[i][1].shape), names) for i, one in enumerate(bench.boxes)]
        labels = bench.labels(bench.asked.scheme, bad)
        label = 100 * quality(labels).filled.mean_iou
        name = f"{bench.asked.scheme}, {what}" if what != "as drawn" else bench.asked.scheme
        rows.append(bench.row(what, bench.runs(name, labels), f"{label:.1f}"))
    bench.table(f"Bad boxes, {bench.asked.scheme}", rows, "label mIoU")


PARTS = {
    "full": full,
    "schemes": schemes,
    "rounds": in_rounds,
    "scales": scales,
    "mixed": mixed,
    "noise": noisy,
}


def main() -> None:
    """Train, judge and print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default="schemes", choices=list(PARTS))
    parser.add_argument("--data", nargs="+", default=["pets", "camvid", "scenes"], choices=list(SIZES))
    parser.add_argument("--schemes", nargs="+", default=list(SCHEMES), choices=list(SCHEMES))
    parser.add_argument("--scheme", default="grabcut+", choices=list(SCHEMES), help="of mixed and noise")
    parser.add_argument("--ways", nargs="+", help="of rounds; all without")
    for option, number in (("steps", 600), ("seeds", 3), ("images", 240), ("judged", 100), ("rounds", 4)):
        parser.add_argument(f"--{option}", type=int, default=number)
    parser.add_argument("--label-scale", type=float, default=1, help="see seglib.weak.rounds")
    parser.add_argument(
        "--shares", type=float, nargs="+", default=SHARES, help="of mixed: images with a mask"
    )
    parser.add_argument("--side", type=int, help="longest side of what the nets see, if shorter than usual")
    parser.add_argument(
        "--precision",
        default="bfloat16",
        help="float32 where the processor has no bfloat16; auto: by the clock",
    )
    parser.add_argument("--backbone", default="lite0")
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("--folder", type=Path, help="keeps every result, so that a run goes on")
    asked = parser.parse_args()
    print(machine(f"FCN-8s {asked.backbone}, {asked.steps} steps of 8"))
    parts = [asked.parts] if isinstance(asked.parts, str) else asked.parts
    for name in asked.data:
        bench = Bench(name, asked)
        for one in parts:
            PARTS[one](bench)


if __name__ == "__main__":
    main()
