"""fastai: `unet_learner`, as in its CamVid tutorial.

From scratch: ResNet-18, one cycle up to 1e-3, its default. With the common weights: `fine_tune(8)`, as the
tutorial does it: a ninth of the steps trains the decoder alone. Adam, weight decay .01, `aug_transforms` on
batches; void is left out by the loss's ignore_index. Images are squeezed, not cropped, to the size.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from _peers.task import Clock, Predict, Task, predictor, stages

EPOCHS = 8  # of `fine_tune`, after one with the body frozen


def train(task: Task, steps: int, clock: Clock) -> Predict:
    from fastai.callback.schedule import fine_tune, fit_one_cycle  # noqa: F401 - they patch Learner
    from fastai.losses import CrossEntropyLossFlat
    from fastai.optimizer import Adam
    from fastai.vision.learner import unet_learner
    from torchvision.models import resnet18

    parts = EPOCHS + 1 if task.pretrained else 1
    loaders = batches(task, max(1, steps // parts))
    options: dict[str, Any] = {"arch": resnet18}
    if task.pretrained:
        options = {"arch": lite0, "cut": whole}
    learner = unet_learner(
        loaders, n_out=len(task.classes), pretrained=task.pretrained, opt_func=Adam, wd=0.01,
        loss_func=CrossEntropyLossFlat(axis=1, ignore_index=255), cbs=[stopping(clock)], **options,
    )  # fmt: skip
    clock.start()
    with learner.no_bar(), learner.no_logging():
        if task.pretrained:
            learner.fine_tune(EPOCHS)
        else:
            learner.fit_one_cycle(1, 1e-3)
    return predictor(learner.model, task, task.size)


def batches(task: Task, steps: int) -> Any:
    """Its own loaders; the validation part is one batch that is never asked for."""
    from fastai.data.block import DataBlock
    from fastai.data.transforms import IndexSplitter
    from fastai.vision.augment import Resize, ResizeMethod, aug_transforms
    from fastai.vision.data import ImageBlock, MaskBlock, Normalize

    files = task.sequence(steps * task.batch) + task.files[: task.batch]
    mask_of = dict(files)
    block = DataBlock(
        blocks=(ImageBlock, MaskBlock(codes=list(task.classes))),
        get_y=mask_of.get,
        splitter=IndexSplitter(range(steps * task.batch, len(files))),
        item_tfms=Resize(task.size, method=ResizeMethod.Squish),
        batch_tfms=[*aug_transforms(size=task.size), Normalize.from_stats(*task.statistics)],
    )
    return block.dataloaders([image for image, _ in files], bs=task.batch, num_workers=task.workers)


def lite0(pretrained: bool) -> nn.Module:
    """The common body in the form that fastai asks for."""
    return stages()


def whole(body: nn.Module) -> nn.Module:
    """Nothing is cut off: there is no head."""
    return body


def stopping(clock: Clock) -> Any:
    """A callback that ticks, stops, and leaves out the validation."""
    from fastai.callback.core import Callback, CancelFitException, CancelValidException

    class Stopping(Callback):
        def before_fit(self) -> None:
            if clock.over:
                raise CancelFitException

        def after_batch(self) -> None:
            if self.training and clock.tick():
                raise CancelFitException

        def before_validate(self) -> None:
            raise CancelValidException

    return Stopping()
