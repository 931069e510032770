"""The judge, during a training: quick, because it looks at the images as the net was given them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seglib.data.batches import gather
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import InMemoryDataset, to_device
from seglib.evaluate import Scores
from seglib.metrics import all_reduce, confusion_matrix
from seglib.training.distributed import broadcast_tensors, rank_and_world_size
from seglib.training.precision import logits_of, out_of_memory
from seglib.training.step import Preview

if TYPE_CHECKING:
    from seglib.training.run import Run

TIMES = 10  # validations in a training run where nobody says
PREVIEWS = 4  # images in a preview, evenly over the data set


class Judge:
    """Scores a net on the same images again and again.

    The counts are those of `evaluate` where images have the size of the training. Others are scored as they
    were scaled, masks included, which flatters thin parts a little; `evaluate` has the last word.

    Args:
        dataset: the validation images; decoded once if they fit into memory.
        run: the training.
        every: steps between two validations.
        every_seconds: seconds between two; with neither there are ten in all. The last step has one anyway.
    """

    def __init__(
        self, dataset: SegmentationDataset, run: Run, every: int | None, every_seconds: float | None
    ) -> None:  # fmt: skip
        self.dataset, message = to_device(dataset, run.size, run.device)
        run.messages += [message] * bool(message)
        self.size = self.dataset.size if isinstance(self.dataset, InMemoryDataset) else run.size
        self.batch_size, self.device = run.batch_size, run.device
        self.every, self.every_seconds, self.last = every, every_seconds, run.now
        # Of the last one that there was: where steps are counted, one that was interrupted comes again.
        self.tenth = int(TIMES * run.done(max(run.history.scores, default=0)))
        count = min(PREVIEWS, len(dataset))
        self.shown = [place * len(dataset) // count for place in range(count)]

    def due(self, run: Run) -> bool:
        """Whether this step has a validation."""
        if run.over():
            return True
        if self.every is not None:
            return run.number % self.every == 0
        if self.every_seconds is not None:
            return run.now - max(self.last, run.prepared) >= self.every_seconds
        return int(TIMES * run.done(run.number)) > self.tenth

    def judge(self, run: Run) -> tuple[Scores, Preview]:
        """Score the net, and show what it makes of a few images."""
        scores, preview = self.scores(run.net, run.precision), self.preview(run.net, run.precision)
        run.history.scores[run.number] = scores
        self.last, self.tenth = run.now, int(TIMES * run.done(run.number))
        run.tick(learnt=False)
        return scores, preview

    def scores(self, net: nn.Module, precision: str) -> Scores:
        """One confusion matrix over all images and processes; the net is in evaluation mode then."""
        begin, classes = time.monotonic(), self.dataset.classes
        broadcast_tensors(
            net.buffers()
        )  # batch norm's averages: the net that is judged is the one that is kept
        rank, count = rank_and_world_size()
        indices = range(rank, len(self.dataset), count)
        counts = torch.zeros(len(classes), len(classes), dtype=torch.int64, device=self.device)
        for masks, preds in self._predicted(net, precision, indices):
            counts += confusion_matrix(preds, masks, len(classes))
        name = f"{self.dataset.name} {self.dataset.split} at {self.size[0]} x {self.size[1]}"
        return Scores(
            type(net).__name__, name, classes, all_reduce(counts).cpu(), boundary=None, outlines=None,
            images=len(self.dataset), seconds=time.monotonic() - begin,
        )  # fmt: skip

    def preview(self, net: nn.Module, precision: str) -> Preview:
        """What the net makes of the few images."""
        images, masks = next(gather(self.dataset, [self.shown], self.size, self.device))
        preds = _predict(net, images, precision)
        return Preview(images.cpu(), masks.cpu(), preds.to(torch.uint8).cpu())

    def _predicted(self, net: nn.Module, precision: str, indices: range) -> Iterator[tuple[Tensor, Tensor]]:
        chosen = [
            [*indices[start : start + self.batch_size]] for start in range(0, len(indices), self.batch_size)
        ]
        for images, masks in gather(self.dataset, chosen, self.size, self.device):
            yield masks, _predict(net, images, precision)


@torch.inference_mode()
def _predict(net: nn.Module, images: Tensor, precision: str) -> Tensor:
    """(N, H, W) int64 class indices; in halves where memory does not suffice for all at once."""
    net.eval()
    try:
        images = images.contiguous(memory_format=torch.channels_last)
        return logits_of(net, images, precision).argmax(dim=1)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error) or len(images) == 1:
            raise
    # Outside of the `except`: in there the error would still hold on to the tensors.
    return torch.cat([_predict(net, half, precision) for half in images.tensor_split(2)])
