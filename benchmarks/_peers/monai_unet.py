"""MONAI's UNet, as in its tutorial 2d_segmentation/torch/unet_training_dict.py.

Channels 16 to 256, two residual units a level, Dice loss, Adam 1e-3, batches of two images with several
crops around positive and negative pixels each, a quarter turn now and then; intensities scaled to 0..1. The
tutorial cuts 96 x 96 out of 128 x 128; the same shares here. Quarter turns only where the crop is square.
Softmax in place of its sigmoid, because there are more than two classes; void is left out by
MaskedDiceLoss.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from _peers.task import Clock, Predict, Task


def train(task: Task, steps: int, clock: Clock) -> Predict:
    from monai.data import DataLoader, Dataset, list_data_collate
    from monai.inferers import sliding_window_inference
    from monai.losses import MaskedDiceLoss
    from monai.networks.nets import UNet

    net = UNet(
        spatial_dims=2, in_channels=3, out_channels=len(task.classes), channels=(16, 32, 64, 128, 256),
        strides=(2, 2, 2, 2), num_res_units=2,
    )  # fmt: skip
    loss_of, moves = MaskedDiceLoss(to_onehot_y=True, softmax=True), torch.optim.Adam(net.parameters(), 1e-3)
    files = [{"img": image, "seg": mask} for image, mask in task.sequence(2 * steps)]
    data = Dataset(files, changes(task))
    loader = DataLoader(data, batch_size=2, num_workers=task.workers, collate_fn=list_data_collate)
    net.train()
    clock.start()
    for batch in loader:
        images, masks = batch["img"].as_tensor(), batch["seg"].as_tensor()
        known = masks != 255
        moves.zero_grad()
        loss_of(net(images), masks * known, known).backward()
        moves.step()
        if clock.tick():
            break
    net.eval()

    def predict(image: Tensor) -> Tensor:
        small = F.interpolate(image[None].float(), whole(task), mode="bilinear", antialias=True)
        small = (small - small.min()) / (small.max() - small.min()).clamp(min=1)
        return sliding_window_inference(small, task.size, 4, net)[0]

    return predict


def whole(task: Task) -> tuple[int, int]:
    """The size that images are brought to before they are cropped."""
    return task.size[0] * 128 // 96, task.size[1] * 128 // 96


def changes(task: Task) -> Any:
    """The tutorial's transforms, with a resize, because images are of all sizes here."""
    from monai import transforms as T
    from monai.data import PILReader

    both = ["img", "seg"]
    turns = [T.RandRotate90d(both, prob=0.5, spatial_axes=(0, 1))] * (task.size[0] == task.size[1])
    return T.Compose([
        T.LoadImaged(["img"], PILReader(lambda image: image.convert("RGB"), reverse_indexing=False)),
        T.LoadImaged(["seg"], PILReader(reverse_indexing=False)),
        T.EnsureChannelFirstd(["img"], channel_dim=-1),
        T.EnsureChannelFirstd(["seg"], channel_dim="no_channel"),
        T.ScaleIntensityd(["img"]),
        T.Resized(both, whole(task), mode=("bilinear", "nearest"), anti_aliasing=(True, False)),
        T.RandCropByPosNegLabeld(both, "seg", task.size, pos=1, neg=1, num_samples=task.batch // 2),
        *turns,
    ])  # fmt: skip
