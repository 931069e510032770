"""Validation during a run: fast, because images are scored at the training size."""

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from seglib.data.batches import gather
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import InMemoryDataset, to_device
from seglib.evaluate import Scores
from seglib.metrics import all_reduce, confusion_matrix
from seglib.training import distributed
from seglib.training.progress import Preview
from seglib.training.run import Run
from seglib.training.step import if_it_fits, logits_of

TIMES = 10  # validations in a run, unless the caller says when
PREVIEWS = 4  # images in a preview


class Validator:
    """Scores the net of a run on the same images at each validation.

    The counts are those of `evaluate` if the images have the training size. Otherwise images and masks are
    resized, which scores thin parts a little too high; report the scores of `evaluate`.

    Args:
        dataset: the validation images; decoded once if they fit into memory.
        run: the training run. Its `val_every` says when to validate; without it there are ten validations.
            The last step always has one.
    """

    def __init__(self, dataset: SegmentationDataset, run: Run) -> None:
        self.dataset, message = to_device(dataset, run.size, run.device)
        run.messages.append(message)
        self.run = run
        self.size = self.dataset.size if isinstance(self.dataset, InMemoryDataset) else run.size
        # Of the last one that was done: in a run limited by steps, one that was interrupted is repeated.
        self.tenth = int(TIMES * run.fraction_done(max(run.progress.history.scores, default=0)))
        self.shown = sorted({place * len(dataset) // PREVIEWS for place in range(PREVIEWS)})

    def due(self) -> bool:
        """Whether this step has a validation."""
        run, progress = self.run, self.run.progress
        if run.finished():
            return progress.number not in progress.history.scores  # it is, if the checkpoint has them
        if run.options.val_every is not None:
            return bool(progress.number % run.options.val_every == 0)
        return int(TIMES * run.fraction_done(progress.number)) > self.tenth

    def validate(self) -> tuple[Scores, Preview]:
        """Score the net, and predict the images of the preview; the net is in evaluation mode afterwards."""
        run, progress, begin, classes = self.run, self.run.progress, time.monotonic(), self.dataset.classes
        run.pending.flush()  # the GPU is waited for anyway
        if run.world_size > 1:  # batch norm's averages: the net that is validated is the one that is saved
            distributed.broadcast_tensors(run.net.buffers())
        counts = torch.zeros(len(classes), len(classes), dtype=torch.int64, device=run.device)
        own = torch.arange(len(self.dataset))[run.rank :: run.world_size]
        parts = [part.tolist() for part in own.split(run.options.batch_size) if len(part)]
        for _, masks, preds in self._predictions(parts):
            counts += confusion_matrix(preds, masks, len(classes))
        scores = Scores(
            type(run.net).__name__,
            f"{self.dataset.name} {self.dataset.split} at {self.size[0]} x {self.size[1]}",
            classes, all_reduce(counts).cpu(),
            images=len(self.dataset), seconds=time.monotonic() - begin,
        )  # fmt: skip
        images, masks, preds = next(self._predictions([self.shown]))
        progress.history.scores[progress.number] = scores
        self.tenth = int(TIMES * run.fraction_done(progress.number))
        run.update_clock(after_step=False)
        return scores, Preview(images.cpu(), masks.cpu(), preds.to(torch.uint8).cpu())

    def _predictions(self, chosen: list[list[int]]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Images, masks and predictions of each list of indices."""
        for images, masks in gather(self.dataset, chosen, self.size, self.run.device):
            yield images, masks, _predict(self.run.net, images, self.run.progress.precision)


@torch.inference_mode()
def _predict(net: nn.Module, images: Tensor, precision: str) -> Tensor:
    """(N, H, W) int64 class indices; in halves where memory is too small for all images at once."""
    net.eval()
    images = images.contiguous(memory_format=torch.channels_last)
    preds = if_it_fits(lambda: logits_of(net, images, precision).argmax(dim=1))
    if preds is not None:
        return preds
    if len(images) == 1:
        raise ValueError(
            "out of memory in validation, even with one image at a time; use smaller images (size=...)"
        )
    return torch.cat([_predict(net, half, precision) for half in images.tensor_split(2)])
