"""segmentation_models.pytorch by Lightning, as in its CamVid example.

Dice loss, Adam 2e-4, cosine to 1e-5, the example's albumentations; void is left out by ignore_index. The
example has FPN with ResNeXt-50; here ResNet-18, which is lighter, or the common body as an encoder. What
the example counts for its metrics in each step is left out.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from _peers.task import CHANNELS, Clock, Predict, Task, predictor, stages


def unet(task: Task, steps: int, clock: Clock) -> Predict:
    return train("unet", task, steps, clock)


def fpn(task: Task, steps: int, clock: Clock) -> Predict:
    return train("fpn", task, steps, clock)


def train(kind: str, task: Task, steps: int, clock: Clock) -> Predict:
    import lightning.pytorch as lightning
    import segmentation_models_pytorch as smp

    encoder = register() if task.pretrained else "resnet18"
    net = smp.create_model(kind, encoder, encoder_weights=None, in_channels=3, classes=len(task.classes))
    files = Files(task, task.sequence(steps * task.batch))
    loader = DataLoader(files, batch_size=task.batch, num_workers=task.workers)
    trainer = lightning.Trainer(
        max_steps=steps, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, callbacks=[stopping(clock)],
    )  # fmt: skip
    clock.start()
    trainer.fit(module(net, steps), loader)
    return predictor(Padded(net), task, task.size)


def module(net: nn.Module, steps: int) -> Any:
    """The example's LightningModule."""
    import lightning.pytorch as lightning
    import segmentation_models_pytorch as smp
    import torch

    class Model(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = net
            self.loss = smp.losses.DiceLoss("multiclass", from_logits=True, ignore_index=255)

        def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
            images, masks = batch
            return self.loss(self.net(images), masks)

        def configure_optimizers(self) -> Any:
            moves = torch.optim.Adam(self.parameters(), lr=2e-4)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(moves, T_max=steps, eta_min=1e-5)
            return {"optimizer": moves, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    return Model()


class Files(Dataset[tuple[Tensor, Tensor]]):
    """The example's data set: OpenCV reads, albumentations changes."""

    def __init__(self, task: Task, files: list[tuple[str, str]]) -> None:
        self.files, self.change = files, changes(task)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        import cv2

        photo, mask = self.files[index]
        image = cv2.imread(photo, cv2.IMREAD_COLOR_RGB)
        changed = self.change(image=image, mask=cv2.imread(mask, cv2.IMREAD_GRAYSCALE))
        return changed["image"], changed["mask"].long()


def changes(task: Task) -> Any:
    """Those of the example, at this size; sides become multiples of 32, as its nets demand."""
    import albumentations as A
    from albumentations.pytorch import ToTensorV2

    mean, std = task.statistics
    height, width = (-(-side // 32) * 32 for side in task.size)
    void = {"border_mode": 0, "fill": 0, "fill_mask": 255}
    return A.Compose([
        A.Resize(*task.size),
        A.HorizontalFlip(p=0.5),
        A.ShiftScaleRotate(scale_limit=0.5, rotate_limit=0, shift_limit=0.1, p=1, **void),
        A.PadIfNeeded(height, width, **void),
        A.RandomCrop(height, width),
        A.GaussNoise(p=0.2),
        A.Perspective(p=0.5, **void),
        A.OneOf([A.CLAHE(p=1), A.RandomBrightnessContrast(p=1), A.RandomGamma(p=1)], p=0.9),
        A.OneOf([A.Sharpen(p=1), A.Blur(blur_limit=3, p=1), A.MotionBlur(blur_limit=3, p=1)], p=0.9),
        A.OneOf([A.RandomBrightnessContrast(p=1), A.HueSaturationValue(p=1)], p=0.9),
        A.Normalize(mean, std),
        ToTensorV2(),
    ])  # fmt: skip


class Padded(nn.Module):
    """For judging: zeros to the next multiple of 32, cut off again."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        return self.net(F.pad(images, (0, -width % 32, 0, -height % 32)))[..., :height, :width]


def register() -> str:
    """Tell smp of the common body; the name under which it knows it."""
    from segmentation_models_pytorch.encoders import encoders
    from segmentation_models_pytorch.encoders._base import EncoderMixin

    class Lite0(nn.Module, EncoderMixin):
        def __init__(self, depth: int = 5, output_stride: int = 32) -> None:
            super().__init__()
            self._depth, self._in_channels, self._output_stride = depth, 3, output_stride
            self._out_channels = [3, *CHANNELS]
            self.stages = stages()

        def forward(self, x: Tensor) -> list[Tensor]:
            features = [x]
            for stage in self.stages[: self._depth]:
                features.append(stage(features[-1]))
            return features

    encoders["seglib-lite0"] = {"encoder": Lite0, "params": {}, "pretrained_settings": {}}
    return "seglib-lite0"


def stopping(clock: Clock) -> Any:
    """A callback that ticks and stops."""
    import lightning.pytorch as lightning

    class Stopping(lightning.Callback):
        def on_train_batch_end(self, trainer: Any, *rest: Any) -> None:
            trainer.should_stop = clock.tick()

    return Stopping()
