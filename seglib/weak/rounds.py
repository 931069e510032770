"""Train, predict, clean, train again: a generator of rounds (Khoreva 2017, section 3.1; Dai 2015, section 3).

for one in rounds(make_net, pseudo_labels(dataset, "rectangles"), steps=200, val=val):
    print(one)
"""

import hashlib
import inspect
import math
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed
from torch import Tensor, nn

from seglib import files
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import common_size
from seglib.evaluate import Scores, evaluate
from seglib.machine import cores
from seglib.progress import tracked
from seglib.segmenters import NetSegmenter
from seglib.train import finish, train
from seglib.training.checks import check_data
from seglib.weak.boxes import Size, background_of
from seglib.weak.cleaning import Relabel, Rules, fill_rates
from seglib.weak.labels import PseudoLabels, Quality, quality
from seglib.weak.schemes import pseudo_labels, source_of

MIN_CHANGE = 0.002  # share of pixels; where a round changes fewer, the next net would see the same labels
OWN = {"size", "seed", "val", "val_every", "checkpoint", "resume"}  # set by `rounds`
FEW = 16  # images: up to this many are cleaned in this process, since starting others takes seconds
FORMAT = "seglib rounds 4"
MakeNet = Callable[[], nn.Module]


@dataclass(frozen=True)
class Round:
    """One round: pseudo-labels, and the net that was trained on them.

    Attributes:
        number: 0 for the first labels.
        labels: what the net was trained on.
        segmenter: the trained net, in evaluation mode, which sees images at the size of training. Where one
            net goes through all rounds, the next round changes it.
        quality: of the labels; None where every pixel of the true masks is void, so that it is unknown.
        scores: of the net on the validation images; None without any.
        val_label_quality: of the labels that this net and the rules give the validation images, made as the
            next round's are; None without validation images, or where these have no boxes.
        changed: share of the pixels, 0..1, whose label differs from the round before; NaN for the first.
        seconds: of training and measuring; those of an earlier, interrupted run are not counted.
        why: why this is the last round, or "".
    """

    number: int
    labels: PseudoLabels
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
        return ", ".join(parts) + (f". This was the last round: {self.why}" if self.why else "")


def rounds(
    make_net: MakeNet | nn.Module,
    labels: PseudoLabels,
    *,
    relabel: Relabel | None = None,
    max_rounds: int = 4,
    min_change: float = MIN_CHANGE,
    val: SegmentationDataset | None = None,
    fixed: Collection[int] = (),
    folder: Path | str | None = None,
    size: Size | None = None,
    label_scale: float = 1.0,
    seed: int = 0,
    **training: Any,
) -> Iterator[Round]:
    """Train on labels, let the net predict the same images, make new labels of that, and so on.

    Arguments are checked before the first round. The last round says why it is the last: the labels of the
    validation images did not improve, hardly a label changed, or there were `max_rounds`.

    Args:
        make_net: makes a fresh net, and every round begins with the same weights, so that rounds differ only
            in their labels; or a net, which is trained further from round to round.
        labels: the first ones, of `pseudo_labels`, with or without some true masks.
        relabel: see `seglib.weak.cleaning`. None for the three rules, with the fill rates of the first
            labels; `naive` for no cleaning at all; `BoxSup` for that method's update.
        max_rounds: the largest number of rounds.
        min_change: stop where the next labels differ in a smaller share of the pixels; 0 never stops.
        val: a few validation images with true masks and boxes. The net and the rules make labels of them too;
            stop where these do not improve, since the next round's would not either. Their first labels
            are made by the scheme of `labels`. Without boxes, stop where the net itself does not improve.
            None: no such stop.
        fixed: indices of the images whose labels stay, such as those with a true mask.
        folder: keeps each round's labels and net, and the checkpoint of the current training run. With the
            same folder, an interrupted or killed run resumes; finished rounds are read from it, and measured.
        size: (height, width) of training and of later predictions; see `train`.
        label_scale: size of an image that the net labels, relative to training; see `next_labels`.
            Choose it on validation images.
        seed: of a fresh net, and of every round's training.
        training: arguments of `train`: one of `steps`, `epochs` and `seconds`; `lr`, `batch_size`, ...

    Returns:
        An iterator of Round.

    Raises:
        ValueError: an argument is wrong, or the folder holds other rounds. Later, what `train` raises.

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
    check_data(labels)
    if val is not None:
        check_data(val, labels.classes, f"{labels.name} {labels.split}")
    if relabel is None:
        relabel = Rules(tuple(fill_rates(labels).tolist()), background=background_of(labels.classes))
    size = size or common_size(labels.truth)
    boxed = None
    if val is not None and val.instances(0) is not None:
        boxed = (labels.make or partial(pseudo_labels, scheme="rectangles"))(val)
    relabelled = partial(next_labels, relabel=relabel, scale=label_scale)
    folder = None if folder is None else Path(folder)
    run = _Run(make_net, labels, relabelled, frozenset(fixed), val, boxed, size, seed, training, folder)
    masks = hashlib.blake2b(b"".join(mask.numpy().tobytes() for mask in labels.packed), digest_size=8)
    settings = training | {
        "data": labels, "size": tuple(size), "labels": masks.hexdigest(), "relabel": relabel,
        "fixed": sorted(fixed), "seed": seed, "label_scale": float(label_scale), "val": val, "format": FORMAT,
    }  # fmt: skip
    run.claim_folder({name: _describe(value) for name, value in settings.items()})
    return run.rounds(max_rounds, min_change)


@dataclass
class _Run:
    """What stays the same in all rounds, see `rounds`, and the folder that keeps them, if there is one."""

    make_net: MakeNet | nn.Module
    first: PseudoLabels
    relabelled: Callable[..., PseudoLabels]  # next_labels with its settings
    fixed: frozenset[int]
    val: SegmentationDataset | None
    boxed: PseudoLabels | None  # the images of `val` with their first labels, if they have boxes
    size: Size
    seed: int
    training: dict[str, Any]
    folder: Path | None

    def rounds(self, max_rounds: int, min_change: float) -> Iterator[Round]:
        """The loop. Whether a round is the last is known before it is yielded."""
        labels, number, changed, best = self.first, 0, math.nan, -math.inf
        while True:
            done, why = self.trained(number, labels, changed), ""
            judged = done.val_label_quality.filled if done.val_label_quality else done.scores
            now = judged.mean_iou if judged else -math.inf
            if judged and now <= best:
                what = "the labels from its net have" if done.val_label_quality else "its net has"
                points = f"{100 * now:.1f} %, not more than {100 * best:.1f} % before"
                why = f"on the validation images {what} {points}"
            elif number + 1 >= max_rounds:
                why = f"no more than {max_rounds} were asked for"
            else:
                before, labels = labels, self.labels_after(done)
                changed = changed_share(labels, before)
                if changed < min_change:
                    why = (
                        f"{100 * changed:.2f} % of the pixels would change, less than {100 * min_change:g} %"
                    )
            yield replace(done, why=why)
            if why:
                return
            number, best = number + 1, max(best, now)

    def claim_folder(self, settings: Mapping[str, str]) -> None:
        """Write the settings of these rounds into the folder; a TensorFileError if it holds others."""
        then = self._kept("rounds.pt", lambda: dict(settings))
        if changed := [name for name in settings if settings[name] != then.get(name)]:
            was, now = (", ".join(f"{name} {one.get(name)}" for name in changed) for one in (then, settings))
            raise files.TensorFileError(
                f"{self.folder} holds other rounds: they had {was}; these have {now}; use another folder, or "
                "delete this one to start again"
            )

    def trained(self, number: int, labels: PseudoLabels, changed: float) -> Round:
        """A round: from the folder, or trained and kept; then measured."""
        began, net, path = time.monotonic(), self._net(), f"round{number:02}.pt"
        checkpoint = self.folder and self.folder / f"training{number:02}.pt"

        def make() -> dict[str, Any]:
            steps = train(net, labels, size=self.size, seed=self.seed, checkpoint=checkpoint, **self.training)
            finish(steps, f"round {number}")
            return {"weights": net.state_dict()}

        files.fill(path, net.eval(), self._kept(path, make)["weights"])
        if checkpoint:
            checkpoint.unlink(missing_ok=True)
        segmenter = NetSegmenter(net, labels.classes, name=f"{labels.scheme}, trained", size=self.size)
        name = f"labels of val, round {number + 1}"
        on_val = self.boxed and self.relabelled(self.boxed, segmenter, name=name, number=number + 1)
        scores = evaluate(segmenter, self.val) if self.val else None
        found, found_on_val = _measured(labels), _measured(on_val) if on_val else None
        seconds = time.monotonic() - began
        return Round(number, labels, segmenter, found, scores, found_on_val, changed, seconds)

    def labels_after(self, done: Round) -> PseudoLabels:
        """The labels of the next round: from the folder, or made and kept."""
        number = done.number + 1
        name = f"{self.first.scheme}, round {number}"

        def make() -> dict[str, Any]:
            options = {"name": name, "number": number, "initial": self.first, "fixed": self.fixed}
            return {"masks": self.relabelled(done.labels, done.segmenter, **options).packed}

        return self.first.relabelled(self._kept(f"labels{number:02}.pt", make)["masks"], name)

    def _net(self) -> nn.Module:
        """The net that was given, or a fresh one, with the same initial weights in every round."""
        if isinstance(self.make_net, nn.Module):
            return self.make_net
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.make_net()

    def _kept(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The content of a file of the folder, made and written if it is absent; made without a folder."""
        if self.folder is None:
            return make()
        if not (path := self.folder / name).exists():
            files.write(path, make())
        return files.read(path)


def next_labels(
    labels: PseudoLabels,
    segmenter: NetSegmenter,
    relabel: Relabel,
    name: str,
    *,
    number: int = 1,
    initial: PseudoLabels | None = None,
    scale: float = 1.0,
    fixed: Collection[int] = (),
) -> PseudoLabels:
    """Predict every image, and clean each prediction into a new mask, on all cores if there are many.

    Args:
        labels: images with boxes; their masks only matter for the images that are fixed.
        segmenter: the net, with the size of its training.
        relabel: see `seglib.weak.cleaning`.
        name: of the new labels.
        number: of the round that will be trained on them.
        initial: the labels of the first round, to which a rule may reset a box; None: `labels` are the first.
        scale: size of the image that the net sees, relative to its training; 1 in the papers. The best one
            depends on the labels of training, so choose it on validation images.
        fixed: indices of the images whose masks stay, such as those with a true mask.

    Returns:
        The same images and boxes with new masks.

    Raises:
        ValueError: `scale` is not above 0, or an error of the net or of `relabel`.

    Example:
        >>> from seglib.scenes import Scenes
        >>> from seglib.weak.cleaning import naive
        >>> from seglib.weak.schemes import pseudo_labels
        >>> labels = pseudo_labels(Scenes(length=2, size=(32, 32)), "rectangles")
        >>> class Background(nn.Module):
        ...     def forward(self, images):
        ...         return torch.eye(10)[0].view(1, 10, 1, 1).expand(-1, -1, *images.shape[2:])
        >>> segmenter = NetSegmenter(Background(), labels.classes, size=(32, 32))
        >>> new = next_labels(labels, segmenter, naive, "by the net", fixed=[0])
        >>> [bool(new.mask(index).any()) for index in range(2)]
        [True, False]
    """
    first = initial or labels
    asked = NetSegmenter(segmenter.net, segmenter.classes, size=segmenter.size, scale=scale)
    free = [index for index in range(len(labels)) if index not in fixed]
    images = ((index, labels.truth[index][0].as_subclass(Tensor)) for index in free)
    tasks = (
        delayed(relabel)(image, asked.probabilities(image), labels.boxes[i], number, first.mask(i))
        for i, image in images
    )
    work = Parallel(n_jobs=cores() if len(free) > FEW else 1, return_as="generator")(tasks)
    made = iter(tracked(work, len(free), name))
    masks = (labels.packed[index] if index in fixed else next(made) for index in range(len(labels)))
    return labels.relabelled(masks, name)


def changed_share(labels: PseudoLabels, before: PseudoLabels) -> float:
    """Share of all pixels, 0..1, whose label differs from before; both are of the same images."""
    pairs = [(labels.mask(index), before.mask(index)) for index in range(len(labels))]
    return sum(int((new != old).sum()) for new, old in pairs) / sum(new.numel() for new, _ in pairs)


def _measured(labels: PseudoLabels) -> Quality | None:
    """The quality of labels, or None where no pixel of the truth is known."""
    found = quality(labels)
    return found if found.filled.confusion.any() else None


def _describe(value: Any) -> str:
    """A setting as text that is the same in another process; of code, with a hash of its source."""
    if isinstance(value, SegmentationDataset):
        return f"{value.name} {value.split}, {len(value)} images"
    words = re.sub(r" at 0x[0-9a-f]+", "", str(value))
    with suppress(OSError, TypeError):  # code that was typed into a plain interpreter has no source
        if callable(value):
            words += " " + hashlib.blake2b(source_of(value).encode(), digest_size=4).hexdigest()
    return words


def _check(
    labels: object, max_rounds: int, min_change: float, fixed: Collection[int], scale: float, training: Any
) -> None:
    """A ValueError about the first argument that is wrong."""
    if not isinstance(labels, PseudoLabels):
        raise ValueError(f"labels is a {type(labels).__name__}; pass what pseudo_labels(dataset, ...) made")
    if max_rounds < 1:
        raise ValueError(f"max_rounds must be at least 1, not {max_rounds}; 1 trains on `labels` alone")
    if not 0 <= min_change <= 1:
        raise ValueError(f"min_change must be 0..1, a share of the pixels, not {min_change}; 0 never stops")
    if not 0 < scale < math.inf:
        raise ValueError(f"label_scale must be above 0, not {scale}; 1 is the size of training")
    if lost := [index for index in fixed if not 0 <= index < len(labels)]:
        raise ValueError(f"fixed: there is no image {lost[0]}; {labels.name} has {len(labels)}")
    known = [name for name in list(inspect.signature(train).parameters)[2:] if name not in OWN]
    if wrong := [name for name in training if name not in known]:
        raise ValueError(f"rounds does not pass {wrong[0]!r} on to train; it passes {', '.join(known)}")
