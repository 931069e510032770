"""Fine-tunes the foreground pathway of the region features on crops filled with the mean colour."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglib.backbones import Backbone
from seglib.data.dataset import SegmentationDataset
from seglib.progress import tracked
from seglib.regions.extractor import RegionExtractor
from seglib.regions.features import crops, prepared, without_classifier
from seglib.training.optimise import adjust, optimiser, poly

IMAGES, OBJECTS, OTHERS = 4, 2, 6  # of a batch: images, and regions of each that are objects and that are not
OBJECT = 0.5  # IoU with a true region from which on a region has its class


def finetune(
    extractor: RegionExtractor,
    dataset: SegmentationDataset,
    *,
    steps: int = 80,
    lr: float = 1e-4,
    seed: int = 0,
) -> Backbone:
    """Train a copy of the net to classify foreground crops; pass it to `RegionFeatures(foreground=...)`.

    A region with an IoU of 0.5 or more with an object has its class, all others are background. Batch norm
    keeps its statistics, since batches are small and from few images.

    Args:
        extractor: makes the regions, and has the net to start from.
        dataset: training images with masks.
        steps: of 4 images and 32 regions each.
        lr: learning rate of the net; the new last layer learns ten times as fast.
        seed: of the order of regions.

    Returns:
        The trained copy, in evaluation mode.

    Raises:
        ValueError: the data set is empty.

    Reference:
        Hariharan et al., "Simultaneous Detection and Segmentation", 2014, section 3.2 (net B): 128 regions of
        4 images, a quarter of them objects, mirrored, as here; SGD for 100 000 steps.
    """
    if not len(dataset):
        raise ValueError(f"{dataset.name} {dataset.split} has no images to learn from")
    features, rng = extractor.features, torch.Generator().manual_seed(seed)
    net = prepared(features.backbone)
    device = next(net.parameters()).device
    model = _model(net, len(dataset.classes) + 1, device)
    update = optimiser(model, "adamw", {"0.": lr, "1.": 10 * lr}, weight_decay=0.01)
    for step in tracked(range(steps), steps, f"fine-tuning on foregrounds of {dataset.name}"):
        adjust(update, poly((step + 1) / (steps + 1)))  # so that the last step changes something, too
        images, truth = (tensor.to(device) for tensor in _batch(extractor, dataset, rng))
        with torch.autocast(device.type, torch.bfloat16, enabled=features.precision == "bfloat16"):
            logits = model(images.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits.float(), truth)
        update.zero_grad()
        loss.backward()
        update.step()
    return net.eval()


def _model(net: Backbone, num_classes: int, device: torch.device) -> nn.Sequential:
    """The net up to its last layer but one, and a new last layer, which starts at zero."""
    below = without_classifier(net)
    with torch.no_grad():
        width = below(torch.zeros(1, 3, 32, 32, device=device)).shape[1]
    last = nn.Linear(width, num_classes, device=device)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(below, last).eval()


def _batch(
    extractor: RegionExtractor, dataset: SegmentationDataset, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Foreground crops (N, 3, s, s), half of them mirrored, and (N,) their classes, background last."""
    shown, truth, features = [], [], extractor.features
    for index in torch.randint(len(dataset), (IMAGES,), generator=rng).tolist():
        image, proposals, _, classes, overlaps = extractor.regions(dataset, index)
        kinds = torch.full((len(proposals),), len(dataset.classes))
        if len(classes):
            best, which = overlaps.max(dim=1)
            kinds[best >= OBJECT] = classes[which[best >= OBJECT]]
        rows = _some(kinds, len(dataset.classes), rng)
        shown.append(crops(image, proposals.subset(rows), size=features.size, fill=features.fill)[1])
        truth.append(kinds[rows])
    images = torch.cat(shown)
    mirrored = torch.rand(len(images), generator=rng) < 0.5
    return torch.where(mirrored[:, None, None, None], images.flip(-1), images), torch.cat(truth)


def _some(kinds: Tensor, background: int, rng: torch.Generator) -> Tensor:
    """Ascending indices of random regions: OBJECTS and OTHERS, or as many as there are."""
    chance = torch.rand(len(kinds), generator=rng)
    objects, others = (
        torch.where(those, chance, 2.0).argsort()[: min(number, int(those.sum()))]
        for those, number in ((kinds < background, OBJECTS), (kinds == background, OTHERS))
    )
    return torch.cat([objects, others]).sort().values
