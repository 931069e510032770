"""The FCN of "Dive into Deep Learning", section 14.11: FCN-32s on ResNet-18.

1 x 1 convolution (Xavier), transposed convolution of stride 32 (bilinear, trained); SGD 1e-3 without
momentum, weight decay 1e-3, constant; the loss is the mean over the pixels of an image, summed over the
batch. The images are decoded once (that time is counted) and cropped at random, 320 x 480 of about 375 x
500 there, the same shares here, rounded down to 32. Void is left out by ignore_index (there it is
background). With the common weights, the body is EfficientNet-Lite0.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import InterpolationMode, RandomCrop
from torchvision.transforms.functional import crop, normalize, resize

from _peers.task import CHANNELS, Clock, Predict, Task, predictor, stages


def train(task: Task, steps: int, clock: Clock) -> Predict:
    net = build(task)
    moves = torch.optim.SGD(net.parameters(), lr=1e-3, weight_decay=1e-3)
    clock.start()
    order = task.sequence(steps * task.batch)
    loader = DataLoader(Files(task, order), batch_size=task.batch, num_workers=task.workers)
    net.train()
    for images, masks in loader:
        losses = F.cross_entropy(net(images), masks, reduction="none", ignore_index=255)
        moves.zero_grad()
        losses.mean(dim=(1, 2)).sum().backward()
        moves.step()
        if clock.tick():
            break
    return cut(predictor(net, task, whole(task)), whole(task))


def cut(predict: Predict, size: tuple[int, int]) -> Predict:
    """Scores come for multiples of 32 pixels; those beyond the image are cut off."""
    return lambda image: predict(image)[:, : size[0], : size[1]]


def build(task: Task) -> nn.Sequential:
    """Body, scores, enlargement."""
    number = len(task.classes)
    if task.pretrained:
        body, channels = stages(), CHANNELS[-1]
    else:
        body, channels = nn.Sequential(*list(torchvision.models.resnet18().children())[:-2]), 512
    scores = nn.Conv2d(channels, number, 1)
    enlarge = nn.ConvTranspose2d(number, number, 64, padding=16, stride=32)
    nn.init.xavier_uniform_(scores.weight)
    with torch.no_grad():
        enlarge.weight.copy_(bilinear(number, 64))
    return nn.Sequential(body, scores, enlarge)


def bilinear(number: int, size: int) -> Tensor:
    """(number, number, size, size): each class is enlarged for itself, linearly between cells."""
    places = torch.arange(size).float()
    ramp = 1 - (places - (size - 1) / 2).abs() / (size / 2)
    return torch.eye(number)[:, :, None, None] * (ramp[:, None] * ramp)


def window(task: Task) -> tuple[int, int]:
    """What is cropped: multiples of 32, at most the task's size."""
    return task.size[0] // 32 * 32, task.size[1] // 32 * 32


def whole(task: Task) -> tuple[int, int]:
    """The size that images are brought to before they are cropped."""
    return round(task.size[0] * 375 / 320), round(task.size[1] * 500 / 480)


class Files(Dataset[tuple[Tensor, Tensor]]):
    """All images in memory, normalised, as in the book."""

    def __init__(self, task: Task, order: list[tuple[str, str]]) -> None:
        self.task, self.order = task, order
        self.images = {paths: self.read(paths) for paths in set(order)}

    def read(self, paths: tuple[str, str]) -> tuple[Tensor, Tensor]:
        image = decode_image(paths[0], ImageReadMode.RGB)
        mask = decode_image(paths[1], ImageReadMode.GRAY)
        image = normalize(resize(image, whole(self.task)).float() / 255, *self.task.statistics)
        return image, resize(mask, whole(self.task), InterpolationMode.NEAREST)[0].long()

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, mask = self.images[self.order[index]]
        place = RandomCrop.get_params(image, window(self.task))
        return crop(image, *place), crop(mask, *place)
