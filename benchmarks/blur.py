"""Does the blur score find blurred images, in noise too, and which classes does a cut-off throw away?

Half of the images of the *test* splits, chosen at random, are blurred by a Gaussian of sigma 1, 2 or 3
pixels. Then noise of 10 grey levels is added to none of them, to all of them, or to another random half
("some": there are noisy sharp images and clean blurred ones). The table is the area under the ROC curve, the
mean over 200 divisions into halves. The constants of `blur` were chosen on the training splits only.
The target is 0.95 on pets for sigma >= 2, with noise of 10 too.

Then, on untouched images: what share of each class goes with the tenth that each score calls most blurred.

    SEGLIB_DATA=... python benchmarks/blur.py [--images 300]
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable

import cv2
import numpy as np
import skimage
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from seglib.data.balance import count
from seglib.data.catalog import found, load
from seglib.data.dataset import SegmentationDataset
from seglib.data.quality import blur, class_shift, laplacian_variance, reblur

SCORES: dict[str, Callable[[Tensor], float]] = {
    "blur": blur,
    "-var(Laplacian)": lambda image: -laplacian_variance(image),
    "blur_effect": reblur,
}
SIGMAS, NOISES, HALVES = (1, 2, 3), ("none", "all", "some"), 200
Array = NDArray[np.float64]


def spoiled(image: Tensor, sigma: float, noise: float, rng: np.random.Generator) -> Tensor:
    """Blurred, then noisy, as a lens comes before a sensor."""
    pixels = image.permute(1, 2, 0).numpy().astype(np.float32)
    pixels = cv2.GaussianBlur(pixels, (0, 0), sigma) if sigma else pixels
    pixels = pixels + noise * rng.standard_normal(pixels.shape, dtype=np.float32)
    return torch.from_numpy(pixels.round().clip(0, 255).astype(np.uint8)).permute(2, 0, 1)


def measured(dataset: SegmentationDataset) -> dict[tuple[str, float, float], Array]:
    """(score, sigma, noise) -> (N,); an image that `blur` cannot judge counts as blurred."""
    table: dict[tuple[str, float, float], list[float]] = {}
    for index in range(len(dataset)):
        image, rng = dataset[index][0], np.random.default_rng(index)
        for sigma in (0, *SIGMAS):
            for noise in (0, 10):
                photo = spoiled(image, sigma, noise, rng)
                for name, score in SCORES.items():
                    table.setdefault((name, sigma, noise), []).append(score(photo))
    return {key: np.nan_to_num(np.array(values), nan=1.0) for key, values in table.items()}


def areas(scores: dict[tuple[str, float, float], Array], name: str, sigma: float, noise: str) -> Array:
    """(200,) area under the ROC curve for 200 choices of which half is blurred (and which half is noisy)."""
    size = len(scores[name, 0, 0])
    rng, found = np.random.default_rng(0), []
    for _ in range(HALVES):
        blurred = rng.permutation(size) < size // 2
        noisy = rng.permutation(size) < size // 2 if noise == "some" else np.full(size, noise == "all")
        each = [np.where(noisy, scores[name, s, 10], scores[name, s, 0]) for s in (0, sigma)]
        ranks = rankdata(np.where(blurred, each[1], each[0]))
        count = blurred.sum()
        found.append(
            (ranks[blurred].sum() - count * (count + 1) / 2) / (count * (size - count))
        )  # Mann-Whitney
    return np.array(found)


def detection(dataset: SegmentationDataset) -> None:
    """The table of areas."""
    scores = measured(dataset)
    cases = [(noise, sigma) for noise in NOISES for sigma in SIGMAS]
    print(f"\n{dataset.name} {dataset.split}, {len(dataset)} images: area under the ROC curve")
    print(f"{'noise':16}" + "".join(f"{noise:>8}" for noise, _ in cases))
    print(f"{'sigma':16}" + "".join(f"{sigma:8}" for _, sigma in cases))
    for name in SCORES:
        each = [areas(scores, name, sigma, noise) for noise, sigma in cases]
        print(f"{name:16}" + "".join(f"{area.mean():8.3f}" for area in each))
        if name == "blur":
            print(f"{'  95 % are above':16}" + "".join(f"{np.quantile(area, 0.05):8.3f}" for area in each))
    judged = min(np.mean(scores["blur", sigma, noise] < 1) for sigma in (0, *SIGMAS) for noise in (0, 10))
    print(f"images that `blur` can judge, at least: {100 * judged:.1f} %")


def shift(dataset: SegmentationDataset) -> None:
    """What goes with the most blurred tenth, by each score."""
    counts = count(dataset)
    for name, score in SCORES.items():
        values = np.array([score(image) for image, _ in dataset])
        dropped = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[: len(dataset) // 10]
        print(f"\nby {name}: {class_shift(counts, dropped.tolist())}")


def speed(dataset: SegmentationDataset) -> None:
    """Milliseconds an image."""
    images = [dataset[index][0] for index in range(min(len(dataset), 30))]
    for name, score in SCORES.items():
        start = time.process_time()
        for image in images:
            score(image)
        print(f"{name:16}{1e3 * (time.process_time() - start) / len(images):8.1f} ms an image")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=300, help="of each test split, at most")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"OpenCV {cv2.__version__}, scikit-image {skimage.__version__}, {platform.machine()}")
    for name in ("scenes", "pets", "camvid"):
        if name != "scenes" and name not in found():
            print(f"\n{name}: not found; set SEGLIB_DATA to a folder that holds it")
            continue
        dataset = load(name, "test", length=100) if name == "scenes" else load(name, "test")
        detection(dataset.subset(range(min(len(dataset), arguments.images))))
        shift(dataset)
    speed(load("scenes", "test", length=30))


if __name__ == "__main__":
    main()
