"""Train, predict, clean, train again: a generator of rounds (Khoreva 2017, section 3.1; Dai 2015, section 3).

for one in rounds(make_net, pseudo_labels(dataset, "rectangles"), steps=200, val=val):
    print(one)
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import common_size
from seglib.train import train
from seglib.training.checks import check_data
from seglib.weak import round_files
from seglib.weak.cleaning import fill_rates
from seglib.weak.given import Size, background_of, given
from seglib.weak.labelled import Labelled
from seglib.weak.next_labels import check_scale
from seglib.weak.one_round import MakeNet, Plan, Round, changed_share
from seglib.weak.relabel import Relabel, Rules

STILL = 0.002  # share of pixels; where a round changes fewer, the next net would see the same labels
OWN = {"size", "seed", "val", "val_every", "val_every_seconds", "checkpoint", "resume"}  # not to be given


def rounds(
    make_net: MakeNet | nn.Module,
    labels: Labelled,
    *,
    relabel: Relabel | None = None,
    most: int = 4,
    still: float = STILL,
    val: SegmentationDataset | None = None,
    keep: Sequence[int] = (),
    folder: Path | str | None = None,
    size: Size | None = None,
    label_scale: float = 1.0,
    seed: int = 0,
    jobs: int | None = None,
    **training: Any,
) -> Iterator[Round]:
    """Train on labels, let the net predict the same images, make new labels of that, and so on.

    Everything that can be wrong is said before the first round. The last round says why it is the last:
    the labels of the validation images did not get better, hardly a label changed, or there were `most`
    rounds.

    Args:
        make_net: makes a fresh net, and every round begins with the same weights, so that only its labels
            tell it from the others; or a net, which goes on being trained from round to round.
        labels: the first ones, of `pseudo_labels`, with or without some true masks.
        relabel: see `seglib.weak.relabel`. None for the three rules, with the fill rates of the first labels;
            `naive` for no cleaning at all; `Regions` for BoxSup's.
        most: how many rounds there are at most.
        still: stop where the next labels differ in a smaller share of the pixels; 0 never does.
        val: a few validation images with true masks and boxes. The net and the rules make labels of them,
            too; stop where these do not get better, since the next round's would not either. Without boxes,
            stop where the net itself does not get better. None: no such stop.
        keep: numbers of the images whose labels stay, such as those with a true mask.
        folder: keeps each round's labels and net, and the running training. Given again, it goes on there:
            rounds that are over come from it at once.
        size: (height, width) of the training, and of what the net sees later; see `train`.
        label_scale: how many times as large as in training the net sees an image that it is to label, see
            `next_labels`; `benchmarks/weak.py scales` chooses it on validation images.
        seed: of a fresh net, and of every round's training.
        jobs: processes that clean; None for all cores if there is much to do.
        training: what `train` takes: one of `steps`, `epochs`, `seconds`; `lr`, `batch_size`, ...

    Returns:
        An iterator of Round.

    Raises:
        ValueError: an argument is not what it must be, or the folder holds other rounds. Later, what `train`
            raises.

    Example:
        >>> from seglib.scenes import Scenes
        >>> from seglib.weak.schemes import pseudo_labels
        >>> class Net(nn.Conv2d):
        ...     def forward(self, images):
        ...         return super().forward(images / 255)
        >>> labels = pseudo_labels(Scenes(length=2, size=(32, 32)), "rectangles")
        >>> make_net = lambda: Net(3, len(labels.classes), 1)
        >>> [one.number for one in rounds(make_net, labels, most=2, still=0, steps=1)]
        [0, 1]
    """
    _check(labels, most, still, keep, label_scale, training)
    check_data(labels, val)
    if relabel is None:
        usual = tuple(fill_rates(labels).tolist())
        relabel = Rules(usual, background=background_of(labels.classes))
    size = size or common_size(labels.truth)
    settings = {
        "data": f"{labels.name} {labels.split}, {len(labels)} images", "size": str(tuple(size)),
        "labels": round_files.digest(labels.packed), "relabel": round_files.told(relabel),
        "keep": str(sorted(keep)), "seed": str(seed), "label_scale": f"{label_scale:g}",
        "val": "none" if val is None else f"{val.name} {val.split}, {len(val)} images",
        **{name: round_files.told(value) for name, value in training.items()},
    }  # fmt: skip
    plan = Plan(
        make_net, relabel, frozenset(keep), most, val, _with_boxes(val), still, size, label_scale, seed, jobs,
        training, round_files.Shelf(folder, settings),
    )  # fmt: skip
    return _rounds(plan, labels)


def _rounds(plan: Plan, labels: Labelled) -> Iterator[Round]:
    """The loop. Whether a round is the last is known before it is handed out."""
    number, changed, best = 0, float("nan"), float("-inf")
    while True:
        one = plan.trained(number, labels, changed)
        why = _enough(one, plan, best)
        if not why:
            following = plan.labels_after(one)
            changed = changed_share(following, labels)
            labels = following
            if changed < plan.still:
                why = f"{100 * changed:.2f} % of the pixels would change, less than {100 * plan.still:g} %"
        yield replace(one, why=why)
        if why:
            return
        number, best = number + 1, max(best, _judged(one)[1])


def _enough(one: Round, plan: Plan, best: float) -> str:
    """Why there should be no round after this one, as far as its own result says; or ""."""
    what, now = _judged(one)
    if now <= best and one.scores:
        return f"on the validation images {what} {100 * now:.1f} %, not more than {100 * best:.1f} % before"
    return f"no more than {plan.most} were asked for" if one.number + 1 >= plan.most else ""


def _judged(one: Round) -> tuple[str, float]:
    """What tells whether a round was better than those before, and its mean IoU; -inf where nothing does."""
    if one.foreseen:
        return "the labels from its net have", one.foreseen.filled.mean_iou
    return "its net has", one.scores.mean_iou if one.scores else float("-inf")


def _with_boxes(val: SegmentationDataset | None) -> Labelled | None:
    """Validation images with their boxes, if they have some."""
    if val is None or val.instances(0) is None:
        return None
    return Labelled(val, given(val), (mask for _, mask in val), name="truth")


def _check(
    labels: Labelled, most: int, still: float, keep: Sequence[int], scale: float, training: dict[str, Any]
) -> None:
    """One sentence about what is not what it must be."""
    if not isinstance(labels, Labelled):
        raise ValueError(f"labels is a {type(labels).__name__}; give what pseudo_labels(dataset, ...) made")
    if most < 1:
        raise ValueError(f"most {most} must be 1 or more: the first round trains on the labels given")
    if not 0 <= still <= 1:
        raise ValueError(f"still {still} must be 0..1, a share of the pixels; 0 never stops")
    check_scale(scale)
    if lost := [index for index in keep if not 0 <= index < len(labels)]:
        raise ValueError(f"keep: there is no image {lost[0]}; {labels.name} has {len(labels)}")
    known = [name for name in list(inspect.signature(train).parameters)[2:] if name not in OWN]
    if wrong := [name for name in training if name not in known]:
        raise ValueError(f"rounds cannot hand {wrong[0]!r} to train; it can {', '.join(known)}")
