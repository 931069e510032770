"""Rounds on disk: each round's labels, its net and what was measured, so that the work goes on."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed
from torch import Tensor, nn

from seglib import files as tensor_files
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import common_size
from seglib.evaluate import Scores, evaluate
from seglib.files import TensorFileError
from seglib.labels import Classes
from seglib.machine import cores
from seglib.progress import tracked
from seglib.segmenters import NetSegmenter
from seglib.train import finish, train
from seglib.training.checks import check_data
from seglib.weak.boxes import BoxAnnotations, Size, background_of, load_boxes
from seglib.weak.cleaning import Relabel, Rules, fill_rates
from seglib.weak.labels import PseudoLabels, Quality, pack, quality

FORMAT = "seglib rounds 1"
COUNTED = ("name", "data", "confusion", "boundary", "outlines", "images", "seconds")  # of Scores


class Shelf:
    """The folder of some rounds; without one nothing is kept and nothing found.

    Args:
        folder: is made if it is not there.
        settings: what these rounds are; a folder of others is refused.

    Raises:
        TensorFileError: the folder holds other rounds, or a file is damaged; the sentence names it.
        DiskError: the disk is full or may not be written to.
    """

    def __init__(self, folder: Path | str | None, settings: Mapping[str, str]) -> None:
        self.folder = Path(folder) if folder is not None else None
        kept = self._read("rounds.pt")
        if kept is None:
            self._write("rounds.pt", {"settings": dict(settings)})
            return
        then = kept["settings"]
        if changed := [name for name in settings if settings[name] != then.get(name)]:
            was, now = (", ".join(f"{name} {one.get(name)}" for name in changed) for one in (then, settings))
            raise TensorFileError(
                f"{self.folder} is of other rounds: they had {was}; these have {now}; give another folder, "
                "or delete this one to begin anew"
            )

    def checkpoint(self, number: int) -> Path | None:
        """Where the training of a round is kept while it runs."""
        return None if self.folder is None else self.folder / f"training{number:02}.pt"

    def labels(self, number: int, like: PseudoLabels) -> PseudoLabels | None:
        """The labels of a round, if they were made before."""
        kept = self._read(f"labels{number:02}.pt")
        return None if kept is None else like.relabelled(kept["masks"], kept["scheme"])

    def keep_labels(self, number: int, labels: PseudoLabels) -> None:
        """Write a round's labels."""
        self._write(f"labels{number:02}.pt", {"masks": labels.packed, "scheme": labels.scheme})

    def result(self, number: int, net: nn.Module) -> dict[str, Any] | None:
        """What was measured in a round that is over; its weights are put into the net."""
        kept = self._read(name := f"round{number:02}.pt")
        if kept is not None:
            tensor_files.fill(self._path(name), net, kept.pop("weights"))
        return kept

    def keep_result(self, number: int, net: nn.Module, result: Mapping[str, Any]) -> None:
        """Write a round that is over; its training's checkpoint is no longer needed."""
        self._write(f"round{number:02}.pt", {**result, "weights": weights(net)})
        if path := self.checkpoint(number):
            path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        assert self.folder is not None
        return self.folder / name

    def _read(self, name: str) -> dict[str, Any] | None:
        if self.folder is None or not self._path(name).exists():
            return None
        kept = tensor_files.read(self._path(name))
        if kept.pop("format", None) != FORMAT:
            raise TensorFileError(f"{self._path(name)} is no file of rounds; give another folder")
        return kept

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        if self.folder is not None:
            tensor_files.write(self._path(name), {"format": FORMAT, **content})


def weights(net: nn.Module) -> dict[str, Tensor]:
    """Everything a net has learned, copied to main memory."""
    return {name: value.detach().to("cpu", copy=True) for name, value in net.state_dict().items()}


def scores_to_dict(scores: Scores | None) -> dict[str, Any] | None:
    """Scores as counts and words."""
    return None if scores is None else {name: getattr(scores, name) for name in COUNTED}


def scores_from_dict(kept: Mapping[str, Any] | None, classes: Classes) -> Scores | None:
    """What `scores_to_dict` was given."""
    return None if kept is None else Scores(classes=classes, **kept)


def quality_to_dict(found: Quality | None) -> dict[str, Any] | None:
    """A `Quality` as counts and words."""
    if found is None:
        return None
    sides = {side: scores_to_dict(getattr(found, side)) for side in ("labelled", "filled")}
    return {**sides, "ignored": found.ignored}


def quality_from_dict(kept: Mapping[str, Any] | None, classes: Classes) -> Quality | None:
    """What `quality_to_dict` was given."""
    if kept is None:
        return None
    labelled, filled = (Scores(classes=classes, **kept[side]) for side in ("labelled", "filled"))
    return Quality(labelled, filled, kept["ignored"])


def digest(packed: Sequence[Tensor]) -> str:
    """A short name for some masks."""
    whole = hashlib.blake2b(digest_size=8)
    for one in packed:
        whole.update(one.numpy().tobytes())
    return whole.hexdigest()


def told(value: Any) -> str:
    """A setting in words that are the same in another process: no addresses."""
    if isinstance(value, partial):
        return f"{told(value.func)}({', '.join(f'{key}={told(one)}' for key, one in value.keywords.items())})"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [f"{field.name}={told(getattr(value, field.name))}" for field in dataclasses.fields(value)]
        return f"{type(value).__name__}({', '.join(parts)})"
    return str(getattr(value, "__name__", type(value).__name__)) if callable(value) else str(value)


# What a net and the rules make of images with boxes: the labels of a next round.

FEW = 16  # images: fewer are cleaned in this process, since others take seconds to start
LEAST, MOST = 0.25, 4.0  # times the size of the training


def next_labels(
    labels: PseudoLabels,
    segmenter: NetSegmenter,
    relabel: Relabel,
    name: str,
    *,
    number: int = 1,
    scale: float = 1.0,
    fixed: Collection[int] = (),
    jobs: int | None = None,
) -> PseudoLabels:
    """Ask the net about every image, and make a label of what it says.

    Args:
        labels: images with boxes; what their labels are now only matters where they are kept.
        segmenter: the net.
        relabel: see `seglib.weak.cleaning`.
        name: what the new labels are called.
        number: of the round that will learn from them.
        scale: how many times as large as in training the net sees an image, 0.25..4. The papers have 1.
            What is best depends on what the net was taught by, so choose it on validation images.
        fixed: numbers of the images whose labels stay, such as those with a true mask.
        jobs: processes that clean; None for all cores if there is much to do.

    Returns:
        The same images and boxes with new labels.

    Raises:
        ValueError: `scale` is out of range, or what the net and `relabel` raise.

    Example:
        >>> import torch
        >>> from seglib.scenes import Scenes
        >>> from seglib.weak.cleaning import naive
        >>> from seglib.weak.schemes import pseudo_labels
        >>> labels = pseudo_labels(Scenes(length=2, size=(32, 32)), "rectangles")
        >>> class Background(torch.nn.Module):
        ...     def forward(self, images):
        ...         return torch.eye(10)[0].view(1, 10, 1, 1).expand(-1, -1, *images.shape[2:])
        >>> segmenter = NetSegmenter(Background(), labels.classes, size=(32, 32))
        >>> new = next_labels(labels, segmenter, naive, "by the net", fixed=[0])
        >>> [bool(new.mask(index).any()) for index in range(2)]
        [True, False]
    """
    check_scale(scale)
    asked = NetSegmenter(segmenter.net, segmenter.classes, size=segmenter.size, scale=scale)
    tasks = _tasks(labels, asked, relabel, number, fixed)
    jobs = jobs or (cores() if len(labels) > FEW else 1)
    work = Parallel(n_jobs=jobs, return_as="generator")(tasks)
    return labels.relabelled(tracked(work, len(labels), name), name)


def check_scale(scale: float) -> None:
    """ValueError with one sentence unless the net could be asked at this scale."""
    if not LEAST <= scale <= MOST:
        raise ValueError(
            f"scale {scale} must be {LEAST}..{MOST:g}; 1 shows the net its images as in training"
        )


def _tasks(
    labels: PseudoLabels, segmenter: NetSegmenter, relabel: Relabel, number: int, fixed: Collection[int]
) -> Iterator[tuple]:
    """One task an image; the net is asked here, and other processes clean what it said."""
    for index, boxes in enumerate(labels.boxes):
        if index in fixed:
            yield delayed(_same)(labels.packed[index])
        else:
            image = labels.truth[index][0].as_subclass(Tensor)
            yield delayed(_relabelled)(relabel, image, segmenter.probabilities(image), boxes, number)


def _same(packed: Tensor) -> Tensor:
    return packed


def _relabelled(
    relabel: Relabel, image: Tensor, probabilities: Tensor, one: BoxAnnotations, number: int
) -> Tensor:
    """The packed new label of one image; runs in another process."""
    return pack(relabel(image, probabilities, one, number))


# One round of weak supervision: a net is trained on labels, and says what the next labels could be.

MakeNet = Callable[[], nn.Module]


@dataclass(frozen=True)
class Round:
    """One round: labels, and the net that was trained on them.

    Attributes:
        number: 0 for the labels that were given.
        labels: what the net was trained on.
        net: trained, in evaluation mode. Where one net goes through all rounds, the next one changes it.
        segmenter: the net as a `Segmenter`, which sees images at the size of the training.
        quality: of the labels; None where every pixel of the true masks is void, so that nobody knows.
        scores: of the net on the validation images; None without.
        val_label_quality: quality of the labels that this net and the rules give the validation images, made
            as the next round's are; None without validation images, or where these have no boxes.
        changed: share of the pixels, 0..1, whose label differs from the round before; NaN for the first.
        seconds: that training and measuring took; those of another run are not counted.
        why: why this is the last round, or "".
    """

    number: int
    labels: PseudoLabels
    net: nn.Module = field(repr=False)
    segmenter: NetSegmenter = field(repr=False)
    quality: Quality | None
    scores: Scores | None
    val_label_quality: Quality | None
    changed: float
    seconds: float
    why: str = ""

    def __str__(self) -> str:
        """The round in a line."""
        parts = [f"round {self.number}"]
        if self.quality:
            parts.append(f"labels: mean IoU {100 * self.quality.filled.mean_iou:.1f} %")
        if not math.isnan(self.changed):
            parts.append(f"{100 * self.changed:.1f} % of the pixels changed")
        if self.scores:
            parts.append(f"net: mean IoU {100 * self.scores.mean_iou:.1f} %")
        if self.val_label_quality:
            parts.append(f"labels from it: mean IoU {100 * self.val_label_quality.filled.mean_iou:.1f} %")
        return ", ".join(parts) + (f". The last: {self.why}" if self.why else "")


@dataclass
class Plan:
    """What stays the same in all rounds; see `seglib.weak.rounds.rounds` for each of it."""

    make_net: MakeNet | nn.Module
    relabel: Relabel
    fixed: frozenset[int]
    max_rounds: int
    val: SegmentationDataset | None
    judged: PseudoLabels | None  # the same images as `val`, with their boxes, where they have some
    min_change: float
    size: Size
    label_scale: float
    seed: int
    jobs: int | None
    training: dict[str, Any]
    shelf: Shelf

    def net(self) -> nn.Module:
        """The one that was handed in, or a fresh one: every round's begins with the same weights."""
        if isinstance(self.make_net, nn.Module):
            return self.make_net
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.make_net()

    def trained(self, number: int, labels: PseudoLabels, changed: float) -> Round:
        """A round: from the disk, or trained, measured and kept."""
        began, net = time.monotonic(), self.net()
        segmenter = NetSegmenter(net, labels.classes, name=f"{labels.scheme}, trained", size=self.size)
        if (kept := self.shelf.result(number, net)) is not None:
            net.eval()
            scores = scores_from_dict(kept["scores"], labels.classes)
            found, val_label_quality = (
                quality_from_dict(kept.get(name), labels.classes) for name in ("quality", "val_label_quality")
            )
        else:
            checkpoint = self.shelf.checkpoint(number)
            steps = train(net, labels, size=self.size, seed=self.seed, checkpoint=checkpoint, **self.training)
            finish(steps, f"round {number}")
            scores = None if self.val is None else evaluate(segmenter, self.val)
            found, val_label_quality = _measured(labels), self._foreseen(segmenter, number + 1)
            result = {
                "scores": scores_to_dict(scores),
                "quality": quality_to_dict(found),
                "val_label_quality": quality_to_dict(val_label_quality),
            }
            self.shelf.keep_result(number, net, result)
        return Round(
            number,
            labels,
            net,
            segmenter,
            found,
            scores,
            val_label_quality,
            changed,
            time.monotonic() - began,
        )

    def labels_after(self, one: Round) -> PseudoLabels:
        """The labels of the next round: from the disk, or made and kept."""
        number = one.number + 1
        if (known := self.shelf.labels(number, one.labels)) is not None:
            return known
        first = one.labels.scheme.split(", round ")[0]
        labels = self._next(one.labels, one.segmenter, number, self.fixed, f"{first}, round {number}")
        self.shelf.keep_labels(number, labels)
        return labels

    def _foreseen(self, segmenter: NetSegmenter, number: int) -> Quality | None:
        """How good the labels of the next round would be, on images whose true masks may be looked at."""
        if self.judged is None:
            return None
        return _measured(
            self._next(self.judged, segmenter, number, frozenset(), f"labels of val, round {number}")
        )

    def _next(
        self, labels: PseudoLabels, segmenter: NetSegmenter, number: int, fixed: frozenset[int], name: str
    ) -> PseudoLabels:
        """What the net and the rules make of some images with boxes."""
        scale, jobs = self.label_scale, self.jobs
        return next_labels(
            labels, segmenter, self.relabel, name, number=number, scale=scale, fixed=fixed, jobs=jobs
        )


def changed_share(labels: PseudoLabels, before: PseudoLabels) -> float:
    """Share of all pixels, 0..1, that have another label than before.

    Raises:
        ValueError: the images are not the same.
    """
    if len(labels) != len(before):
        raise ValueError(f"{labels.name} has {len(labels)} images, {before.name} {len(before)}")
    pairs = [(labels.mask(index), before.mask(index)) for index in range(len(labels))]
    return sum(int((new != old).sum()) for new, old in pairs) / sum(new.numel() for new, _ in pairs)


def _measured(labels: PseudoLabels) -> Quality | None:
    """The quality of labels, or None where no pixel of the truth is known."""
    found = quality(labels)
    return found if found.filled.confusion.any() else None


# Train, predict, clean, train again: a generator of rounds (Khoreva 2017, section 3.1; Dai 2015, section 3).
#
# for one in rounds(make_net, pseudo_labels(dataset, "rectangles"), steps=200, val=val):
#     print(one)

MIN_CHANGE = 0.002  # share of pixels; where a round changes fewer, the next net would see the same labels
OWN = {"size", "seed", "val", "val_every", "val_every_seconds", "checkpoint", "resume"}  # not to be given


def rounds(
    make_net: MakeNet | nn.Module,
    labels: PseudoLabels,
    *,
    relabel: Relabel | None = None,
    max_rounds: int = 4,
    min_change: float = MIN_CHANGE,
    val: SegmentationDataset | None = None,
    fixed: Sequence[int] = (),
    folder: Path | str | None = None,
    size: Size | None = None,
    label_scale: float = 1.0,
    seed: int = 0,
    jobs: int | None = None,
    **training: Any,
) -> Iterator[Round]:
    """Train on labels, let the net predict the same images, make new labels of that, and so on.

    Everything that can be wrong is said before the first round. The last round says why it is the last:
    the labels of the validation images did not get better, hardly a label changed, or there were
    `max_rounds` rounds.

    Args:
        make_net: makes a fresh net, and every round begins with the same weights, so that only its labels
            tell it from the others; or a net, which goes on being trained from round to round.
        labels: the first ones, of `pseudo_labels`, with or without some true masks.
        relabel: see `seglib.weak.cleaning`. None for the three rules, with the fill rates of the first
            labels; `naive` for no cleaning at all; `BoxSup` for BoxSup's.
        max_rounds: how many rounds there are at most.
        min_change: stop where the next labels differ in a smaller share of the pixels; 0 never does.
        val: a few validation images with true masks and boxes. The net and the rules make labels of them,
            too; stop where these do not get better, since the next round's would not either. Without boxes,
            stop where the net itself does not get better. None: no such stop.
        fixed: numbers of the images whose labels stay, such as those with a true mask.
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
        >>> [one.number for one in rounds(make_net, labels, max_rounds=2, min_change=0, steps=1)]
        [0, 1]
    """
    _check(labels, max_rounds, min_change, fixed, label_scale, training)
    check_data(labels, val)
    if relabel is None:
        usual = tuple(fill_rates(labels).tolist())
        relabel = Rules(usual, background=background_of(labels.classes))
    size = size or common_size(labels.truth)
    settings = {
        "data": f"{labels.name} {labels.split}, {len(labels)} images", "size": str(tuple(size)),
        "labels": digest(labels.packed), "relabel": told(relabel),
        "fixed": str(sorted(fixed)), "seed": str(seed), "label_scale": f"{label_scale:g}",
        "val": "none" if val is None else f"{val.name} {val.split}, {len(val)} images",
        **{name: told(value) for name, value in training.items()},
    }  # fmt: skip
    plan = Plan(
        make_net, relabel, frozenset(fixed), max_rounds, val, _with_boxes(val), min_change, size, label_scale,
        seed, jobs,
        training, Shelf(folder, settings),
    )  # fmt: skip
    return _rounds(plan, labels)


def _rounds(plan: Plan, labels: PseudoLabels) -> Iterator[Round]:
    """The loop. Whether a round is the last is known before it is handed out."""
    number, changed, best = 0, float("nan"), float("-inf")
    while True:
        one = plan.trained(number, labels, changed)
        why = _enough(one, plan, best)
        if not why:
            following = plan.labels_after(one)
            changed = changed_share(following, labels)
            labels = following
            if changed < plan.min_change:
                why = (
                    f"{100 * changed:.2f} % of the pixels would change, less than {100 * plan.min_change:g} %"
                )
        yield replace(one, why=why)
        if why:
            return
        number, best = number + 1, max(best, _judged(one)[1])


def _enough(one: Round, plan: Plan, best: float) -> str:
    """Why there should be no round after this one, as far as its own result says; or ""."""
    what, now = _judged(one)
    if now <= best and one.scores:
        return f"on the validation images {what} {100 * now:.1f} %, not more than {100 * best:.1f} % before"
    return f"no more than {plan.max_rounds} were asked for" if one.number + 1 >= plan.max_rounds else ""


def _judged(one: Round) -> tuple[str, float]:
    """What tells whether a round was better than those before, and its mean IoU; -inf where nothing does."""
    if one.val_label_quality:
        return "the labels from its net have", one.val_label_quality.filled.mean_iou
    return "its net has", one.scores.mean_iou if one.scores else float("-inf")


def _with_boxes(val: SegmentationDataset | None) -> PseudoLabels | None:
    """Validation images with their boxes, if they have some."""
    if val is None or val.instances(0) is None:
        return None
    return PseudoLabels(val, load_boxes(val), (mask for _, mask in val), name="truth")


def _check(
    labels: PseudoLabels,
    max_rounds: int,
    min_change: float,
    fixed: Sequence[int],
    scale: float,
    training: dict[str, Any],
) -> None:
    """One sentence about what is not what it must be."""
    if not isinstance(labels, PseudoLabels):
        raise ValueError(f"labels is a {type(labels).__name__}; give what pseudo_labels(dataset, ...) made")
    if max_rounds < 1:
        raise ValueError(f"max_rounds {max_rounds} must be 1 or more: the first trains on the labels given")
    if not 0 <= min_change <= 1:
        raise ValueError(f"min_change {min_change} must be 0..1, a share of the pixels; 0 never stops")
    check_scale(scale)
    if lost := [index for index in fixed if not 0 <= index < len(labels)]:
        raise ValueError(f"fixed: there is no image {lost[0]}; {labels.name} has {len(labels)}")
    known = [name for name in list(inspect.signature(train).parameters)[2:] if name not in OWN]
    if wrong := [name for name in training if name not in known]:
        raise ValueError(f"rounds cannot hand {wrong[0]!r} to train; it can {', '.join(known)}")
