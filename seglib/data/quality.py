"""How blurred is an image, and which images of a data set are? One number that resists noise and flat areas.

The usual number, the variance of the Laplacian, is high for noise and low for sky, fog and fur. This one
looks at the strongest edges only, and at their width: blur the image once more, and see how much of their
slope is left. A sharp edge loses much, a blurred one little (the idea is from Crete et al., 2007; taking the
ratio at edges is from Zhuo and Sim, 2011, who solve it for the width).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr
from skimage.measure import blur_effect
from torch import Tensor

from seglib.data.balance import Counts, measure
from seglib.data.dataset import SegmentationDataset
from seglib.draw import show_images
from seglib.labels import check_image
from seglib.tables import Table, Tabled

Pixels = NDArray[np.float32]
Array = NDArray[np.float64]

# Chosen on the training splits of pets, CamVid and scenes; claim P4 is on the test splits.
SIDE = 320  # pixels: longer sides are shrunk to this, so a photograph of 12 megapixels is judged as displayed
FINE, COARSE = 1.0, 2.0  # pixels: standard deviations of the two blurs; the first also removes noise
EDGES = 0.02  # of the pixels: the strongest edges, which are examined
SHARPEST = 0.10  # of these: one part of a photograph in focus is enough, so the sharp tenth decides
CLEAR = 8.0  # times the slope that noise alone has: a weaker edge may be noise
ENOUGH = 0.001  # of the pixels: with fewer clear edges there is no score


def blur(image: Tensor) -> float:
    """How blurred the sharpest of the strongest edges are.

    For an ideal edge that was blurred by s pixels it is about sqrt((s^2 + 4/3) / (s^2 + 13/3)), the thirds
    being the width of a pixel: 0.66 for s = 1, 0.80 for 2, 0.88 for 3. Thin lines are lower. A number means
    little by itself, because photographs differ: compare images of one data set.

    Args:
        image: (3, H, W) uint8.

    Returns:
        About 0.25 to 1, higher is more blurred; NaN where no edge stands out from the noise, as in an image
        of nothing but fog: inspect those yourself.

    Raises:
        ValueError: the image is not (3, H, W) uint8.

    Example:
        >>> import torch
        >>> image = torch.zeros(3, 64, 64, dtype=torch.uint8)
        >>> image[:, :, 32:] = 200
        >>> round(blur(image), 1), blur(image[:, :, :20])
        (0.6, nan)
    """
    pixels = grey(image)
    fine, coarse = slope(pixels, FINE), slope(pixels, COARSE)
    noise = _noise(pixels) / (np.sqrt(8 * np.pi) * COARSE**2)  # slope of white noise after the coarse blur
    strong = coarse >= max(np.quantile(coarse, 1 - EDGES), CLEAR * noise, 1e-3)
    if strong.mean() < ENOUGH:
        return float("nan")
    return float(np.quantile(coarse[strong] / fine[strong], SHARPEST))


def reblur(image: Tensor) -> float:
    """scikit-image's `blur_effect` (Crete et al., 2007) of the same grey image: 0 sharp to 1 blurred.

    A second measure: it looks at all pixels, so it takes a noisy blurred image for sharp, and a sharp image
    with much sky for blurred.
    """
    return float(blur_effect(grey(image) / 255))


def laplacian_variance(image: Tensor) -> float:
    """The variance of the Laplacian, high for sharp images, for noise, and for fine texture.

    Most tutorials use this number, with a threshold of 100. It is here for comparison.
    """
    return float(cv2.Laplacian(grey(image), cv2.CV_32F).var())


def grey(image: Tensor) -> Pixels:
    """The grey image that is measured: (3, H, W) uint8 -> (h, w) float32 in 0..255, longer side at most 320.

    Raises:
        ValueError: the image is not (3, H, W) uint8.

    Example:
        >>> import torch
        >>> grey(torch.full((3, 400, 640), 7, dtype=torch.uint8)).shape
        (200, 320)
    """
    check_image(image)
    colored = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    pixels = cv2.cvtColor(colored, cv2.COLOR_RGB2GRAY).astype(np.float32)
    scale = SIDE / max(pixels.shape)
    if scale >= 1:
        return pixels
    size = (max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def slope(pixels: Pixels, sigma: float) -> Pixels:
    """The gradient's length after a Gaussian blur of `sigma` pixels: (H, W) -> (H, W), levels per pixel.

    Example:
        >>> ramp = np.tile(np.arange(20, dtype=np.float32) * 3, (20, 1))
        >>> round(float(slope(ramp, 1.0)[10, 10]), 3)
        3.0
    """
    smooth = cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    return np.hypot(across, down)


def _noise(pixels: Pixels) -> float:
    """Standard deviation of the noise, by a filter that removes plane surfaces and straight edges.

    Immerkaer, 1996, with the median in place of the mean, so that texture in half of the image does not
    matter.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(np.median(np.abs(cv2.filter2D(pixels, cv2.CV_32F, kernel)))) / (0.6745 * 6)


@dataclass(frozen=True, repr=False)
class Sharpness(Tabled):
    """The blur of every image of a data set, by two measures.

    Attributes:
        dataset: N images.
        scores: (N,) float64, `blur`: higher is more blurred; NaN where it cannot be measured.
        second: (N,) float64, `reblur`, scikit-image's measure, for comparison.
    """

    dataset: SegmentationDataset
    scores: Array
    second: Array

    def blurred(self, share: float) -> list[int]:
        """The most blurred images, the most blurred first.

        Args:
            share: which part of the measured images, 0..1. Not a score: how blurred is too blurred differs
                from data set to data set.

        Returns:
            Indices; images without a score are not among them. There is always a most blurred tenth, even
            where nothing is blurred (in CamVid it is the frames at dusk): `show` them before you drop them.

        Raises:
            ValueError: `share` is not in 0..1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"share is the part of the images to find, 0..1; got {share}")
        order = [i for i in np.argsort(-self.scores, kind="stable").tolist() if not np.isnan(self.scores[i])]
        return order[: round(share * len(order))]

    def show(self, number: int = 4) -> None:
        """Show the sharpest and the most blurred images, a row of each; of a single image, this one.

        Raises:
            ValueError: no image has a score.
        """
        order = self.blurred(1.0)
        if not order:
            raise ValueError("no image has an edge that stands out from the noise; look at them yourself")
        number = min(number, len(order) // 2)
        shown = [*order[::-1][:number], *order[:number]] if number else order
        titles = [f"{self.dataset.sample_id(i)}: {self.scores[i]:.2f}" for i in shown]
        ends = f"Above the {number} sharpest images, below the {number} most blurred"
        alt = f"{ends if number else 'The image'}: {', '.join(titles)}."
        show_images([self.dataset[i][0] for i in shown], alt=alt, titles=titles, columns=number or 1)

    @property
    def table(self) -> Table:
        """The ten most blurred images, and whether the second measure agrees."""
        ranks, second = _percentile(self.scores), _percentile(self.second)
        measured = ~np.isnan(self.scores)
        rows = [
            [self.dataset.sample_id(i), f"{self.scores[i]:.2f}", f"{ranks[i]:.0f}", f"{second[i]:.0f}"]
            for i in self.blurred(1.0)[:10]
        ]
        agreement = spearmanr(self.scores[measured], self.second[measured]).statistic  # of ranks, -1..1
        note = f"The two measures' ranks correlate with {agreement:.2f}."
        if unscored := (~measured).sum():
            note += f" Images without a clear edge, which have no score: {unscored}."
        title = f"The most blurred of {len(self.scores)} images of {self.dataset.name} {self.dataset.split}"
        return Table(title, ["", "blur", "percentile", "by the second measure"], rows, note)


def sharpness(dataset: SegmentationDataset) -> Sharpness:
    """Measure the blur of every image; scores are kept on disk as counts are.

    Raises:
        ValueError: the data set is empty, or an image cannot be read.

    Example:
        >>> from seglib.scenes import Dials, Scenes
        >>> calm, rough = sharpness(Scenes(2)), sharpness(Scenes(2, dials=Dials(blur=2)))
        >>> bool((calm.scores < rough.scores).all())
        True
    """
    rows = measure(dataset, _row, "blur", "image", label="Measuring the blur of")
    return Sharpness(dataset, rows[:, 0].copy(), rows[:, 1].copy())


def class_shift(counts: Counts, dropped: Sequence[int]) -> Table:
    """What dropping images does to the classes: a filter for blur that drops the sky is a filter for sky.

    Args:
        counts: of all images.
        dropped: indices of the images to be dropped.

    Returns:
        For each class the shares of pixels and of images before and after, and the share of it that is
        lost; the class with the largest loss first.

    Raises:
        ValueError: all images are dropped.

    Example:
        >>> import torch
        >>> from seglib.labels import Classes
        >>> counts = Counts(Classes.of("sky", "road"), torch.tensor([[90, 10, 0], [10, 90, 0]]))
        >>> print(class_shift(counts, [0]))
        1 of 2 images dropped (50 %)
              pixels %  after  images %  after  lost %
        sky       50.0   10.0     100.0  100.0    90.0
        road      50.0   90.0     100.0  100.0    10.0
        Lost is the part of the class's pixels that is dropped: far from 50 %, the cut-off chooses by class.
    """
    kept = sorted(set(range(len(counts))) - set(dropped))
    if not kept:
        raise ValueError("all images would be dropped; drop fewer")
    after = counts.subset(kept)
    percent = f"{100 * (1 - len(kept) / len(counts)):.0f} %"
    lost = (1 - after.total() / counts.total().double()).nan_to_num(0)
    shares = [one.total("images") / len(one) for one in (counts, after)]
    columns = (counts.shares(), after.shares(), *shares, lost)
    rows = [
        [counts.classes.names[k], *(f"{100 * column[k]:.1f}" for column in columns)]
        for k in lost.argsort(descending=True, stable=True).tolist()
    ]
    return Table(
        f"{len(counts) - len(kept)} of {len(counts)} images dropped ({percent})",
        ["", "pixels %", "after", "images %", "after", "lost %"],
        rows,
        "Lost is the part of the class's pixels that is dropped: "
        f"far from {percent}, the cut-off chooses by class.",
    )


def _row(dataset: SegmentationDataset, index: int) -> Array:
    """Both measures of one image."""
    image = dataset[index][0]
    return np.array([blur(image), reblur(image)])


def _percentile(scores: Array) -> Array:
    """(N,) which part of the others, in %, has a lower score; NaN stays NaN."""
    ranks = rankdata(scores, nan_policy="omit") - 1
    return 100 * ranks / max(np.count_nonzero(~np.isnan(scores)) - 1, 1)
