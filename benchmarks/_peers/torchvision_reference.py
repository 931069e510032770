"""torchvision's nets by its reference script for segmentation (references/segmentation).

SGD with momentum .9; .02 for FCN (weight decay 1e-4, auxiliary loss .5, its head 10 times as fast), .01 for
LRASPP (weight decay 1e-6), both for 8 GPUs x 4 images, hence scaled by batch / 32; poly .9 each step. The
shorter side is .5 to 2 times the base size, flip, crop, void outside; base : crop = 520 : 480. Void is left
out by ignore_index. Judged as there: shorter side = base size. With the common weights the same heads are put
on the maps of strides 8 and 32 (LRASPP) or 32, and 16 for the auxiliary one (FCN).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image as Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.models import segmentation
from torchvision.models.segmentation.fcn import FCNHead
from torchvision.transforms import v2

from _peers.task import CHANNELS, Clock, Predict, Task, predictor, stages


def lraspp(task: Task, steps: int, clock: Clock) -> Predict:
    if task.pretrained:
        body = Body({8: "low", 32: "high"})
        net = segmentation.LRASPP(body, CHANNELS[2], CHANNELS[4], len(task.classes))
    else:
        net = segmentation.lraspp_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=len(task.classes)
        )
    return train(net, task, steps, clock, lr=0.01, weight_decay=1e-6)


def fcn(task: Task, steps: int, clock: Clock) -> Predict:
    number = len(task.classes)
    if task.pretrained:
        heads = FCNHead(CHANNELS[4], number), FCNHead(CHANNELS[3], number)
        net = segmentation.FCN(Body({32: "out", 16: "aux"}), *heads)
    else:
        net = segmentation.fcn_resnet50(
            weights=None, weights_backbone=None, num_classes=number, aux_loss=True
        )
    return train(net, task, steps, clock, lr=0.02, weight_decay=1e-4)


class Body(nn.Module):
    """The common body, whose maps at some strides have names."""

    def __init__(self, names: dict[int, str]) -> None:
        super().__init__()
        self.stages, self.names = stages(), names

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = {}
        for level, stage in enumerate(self.stages, start=1):
            x = stage(x)
            if 2**level in self.names:
                features[self.names[2**level]] = x
        return features


def train(net: Any, task: Task, steps: int, clock: Clock, lr: float, weight_decay: float) -> Predict:
    """The reference's loop."""
    rate = lr * task.batch / 32
    parts: list[dict[str, Any]] = [{"params": [*net.backbone.parameters(), *net.classifier.parameters()]}]
    if getattr(net, "aux_classifier", None) is not None:
        parts.append({"params": [*net.aux_classifier.parameters()], "lr": 10 * rate})
    moves = torch.optim.SGD(parts, lr=rate, momentum=0.9, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(moves, lambda step: max(0, 1 - step / steps) ** 0.9)
    files = Files(task, task.sequence(steps * task.batch))
    loader = DataLoader(files, batch_size=task.batch, num_workers=task.workers)
    net.train()
    clock.start()
    for images, masks in loader:
        losses = {
            name: F.cross_entropy(logits, masks, ignore_index=255) for name, logits in net(images).items()
        }
        loss = losses["out"] + 0.5 * losses["aux"] if "aux" in losses else losses["out"]
        moves.zero_grad()
        loss.backward()
        moves.step()
        schedule.step()
        if clock.tick():
            break
    return shorter(net, task)


def base(task: Task) -> int:
    """What the shorter side of an image is."""
    return round(min(task.size) * 520 / 480)


def shorter(net: nn.Module, task: Task) -> Predict:
    """Judged with the shorter side at the base size."""

    def predict(image: Tensor) -> Tensor:
        height, width = image.shape[1:]
        scale = base(task) / min(height, width)
        return predictor(Out(net), task, (round(height * scale), round(width * scale)))(image)

    return predict


class Out(nn.Module):
    """The main output alone."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        return self.net(images)["out"]


class Files(Dataset[tuple[Tensor, Tensor]]):
    """Pillow reads, transforms v2 change, as in the reference's presets."""

    def __init__(self, task: Task, files: list[tuple[str, str]]) -> None:
        self.files, side = files, base(task)
        self.change = v2.Compose([
            v2.RandomResize(side // 2, 2 * side),
            v2.RandomHorizontalFlip(0.5),
            v2.RandomCrop(task.size, pad_if_needed=True, fill={tv_tensors.Image: 0, tv_tensors.Mask: 255}),
            v2.ToDtype({tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64}, scale=True),
            v2.Normalize(*task.statistics),
        ])  # fmt: skip

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        photo, mask = (Image.open(path) for path in self.files[index])
        image = v2.functional.pil_to_tensor(photo.convert("RGB"))
        labels = v2.functional.pil_to_tensor(mask)[0]
        image, labels = self.change(tv_tensors.Image(image), tv_tensors.Mask(labels))
        return image.as_subclass(Tensor), labels.as_subclass(Tensor)
