"""The checks of notebook 03."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from seglib.course.content.nb03.answers import drop, median_frequency
from seglib.course.lesson import Wrong
from seglib.course.samples import ALBUM, album, slope

Masks = Sequence[Tensor]
EMPTY = "pool_05"  # odd, not wrong: no animals, and no mistake in its mask


def check_count_classes(fn: Callable[[Masks, int], tuple[Tensor, Tensor]]) -> str:
    """03.1: void, images of different sizes, a class that never occurs."""
    masks = [
        torch.tensor([[0, 0, 0, 1], [0, 255, 1, 1], [0, 0, 0, 0]], dtype=torch.uint8),
        torch.tensor([[0, 0], [0, 255]], dtype=torch.uint8),
        torch.tensor([[2, 2, 2, 2, 0]], dtype=torch.uint8),
    ]
    result = fn(masks, 4)
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise Wrong("Return two things: the pixels of every class and the images that contain it.")
    pixels, images = (torch.as_tensor(part).flatten() for part in result)
    if len(pixels) != 4 or len(images) != 4:
        raise Wrong(
            f"Four classes are declared, so both have four numbers; yours have {len(pixels)} and "
            f"{len(images)}. Class 3 never occurs, and void is not a class."
        )
    if pixels.sum() == 21:
        raise Wrong("You counted 21 pixels. Two of them are void: their class is unknown.")
    if pixels.tolist() != [12, 3, 4, 0]:
        raise Wrong(
            f"The three masks hold 12, 3, 4 and 0 pixels of the four classes; you say {_list(pixels)}."
        )
    if images.tolist() == pixels.tolist():
        raise Wrong("The pixels are right. The second count is of images: an image counts once.")
    if images.tolist() != [3, 1, 1, 0]:
        raise Wrong(f"Class 0 is in all 3 images, 1 and 2 in one, 3 in none; you say {_list(images)}.")
    return "Two counts, two answers to 'how rare is it?'. Void is in neither of them."


def check_median_frequency(fn: Callable[[Tensor], Tensor]) -> str:
    """03.2: a class that is rare because few images show it, and one that is small where it is."""
    pixels = torch.tensor([[80, 20, 0], [100, 0, 0], [50, 0, 50]])
    weights = torch.as_tensor(fn(pixels)).double().flatten()
    if len(weights) != 3:
        raise Wrong(f"Three classes need three weights; yours: {len(weights)}.")
    expected = median_frequency(pixels).double()
    if not _near(weights, expected):
        raise Wrong(_why_not(weights, expected, pixels.sum(0).double()))
    if not _near(torch.as_tensor(fn(pixels * 7)).double().flatten(), expected):
        raise Wrong("The same images with seven times the pixels must get the same weights.")
    return "Class 2 is in one image of three, and large there. Its weight is 1: few images do not count."


def _why_not(weights: Tensor, expected: Tensor, total: Tensor) -> str:
    """What is wrong with weights that are not the expected ones."""
    if _near(weights, total.median() / total):
        return (
            "You divided by the pixels of all images. The frequency of a class is taken over the images "
            "that contain it: 20 of 100 for class 1."
        )
    if _near(weights, 1 / expected):
        return "Upside down: the rarest class has the smallest weight. It is median / frequency."
    if _near(weights, expected / expected[1] * weights[1]):
        return "The ratios are right, but the class of median frequency must have the weight 1."
    return f"For the pixels 80 20 0, 100 0 0, 50 0 50 I expect {_list(expected)}; you say {_list(weights)}."


@cache
def _slopes() -> list[tuple[Tensor, Tensor]]:
    """The two slopes of every image of the album; the same whenever the check runs."""
    return [(slope(image, 1.0), slope(image, 2.0)) for image, _ in album()]


def check_edge_blur(fn: Callable[[Tensor, Tensor], float]) -> str:
    """03.3: the blurred and noisy images above the ordinary and the calm ones, nearly always."""
    scores = torch.tensor([float(fn(fine, coarse)) for fine, coarse in _slopes()])
    if scores.isnan().any():
        raise Wrong("A score is NaN. A flat pixel has slope 0 in both, so 0 / 0: use the edges only.")
    ordinary, calm, blurred = scores.split(list(ALBUM.values()))
    versus_ordinary, versus_calm = _ranked_above(blurred, ordinary), _ranked_above(blurred, calm)
    if versus_ordinary < 0.1 and versus_calm < 0.1:
        raise Wrong("The sharp images have the highest scores. High should mean blurred.")
    if versus_calm < 0.95 <= versus_ordinary:
        raise Wrong(
            "Calm, sharp images count as blurred. Flat sand is smooth, not out of focus: compare slopes."
        )
    if min(versus_ordinary, versus_calm) < 0.95:
        raise Wrong(
            f"A blurred image scores above an ordinary one in {100 * versus_ordinary:.0f} % of the pairs, "
            f"above a calm one in {100 * versus_calm:.0f} %. At the strongest edges 95 % is within reach."
        )
    return (
        f"A blurred image scores above an ordinary one in {100 * versus_ordinary:.0f} % of the pairs, "
        f"above a calm one in {100 * versus_calm:.0f} %."
    )


def check_drop(answer: Iterable[str]) -> str:
    """03.4: the five faults; the empty pool stays."""
    if isinstance(answer, str) or not all(isinstance(name, str) for name in answer):
        raise Wrong("Give a set of names, as in {'pool_00', 'pool_01'}.")
    names = {name.removeprefix("train/") for name in answer}
    if val := sorted(name for name in names if name.startswith(("val/", "check_"))):
        raise Wrong(
            f"Keep {val[0]}, which is in the validation split, and drop the copy in the training split."
        )
    if EMPTY in names:
        raise Wrong(f"Look at {EMPTY}. Is its mask wrong? What would a net learn from it?")
    if good := sorted(names - drop):
        raise Wrong(f"Nothing is wrong with {good[0]}: the report does not name it.")
    if missing := len(drop - names):
        raise Wrong(
            f"{len(names)} right, {missing} missing. 'Look' means that a program cannot decide. You can."
        )
    return "Five are out. The empty pool stays: it shows what a pool without animals looks like."


def check_shrink(fn: Callable[[Tensor, tuple[int, int]], Tensor]) -> str:
    """03.5, the bug clinic: no class that was not there, void stays, the corners stay."""
    mask = torch.zeros(32, 48, dtype=torch.uint8)
    mask[:16, 24:], mask[16:, :24], mask[16:, 24:] = 9, 3, 255
    small = fn(mask, (11, 17))
    if not isinstance(small, Tensor) or small.shape != (11, 17):
        raise Wrong(f"The new mask has shape (11, 17); yours: {tuple(getattr(small, 'shape', ()))}.")
    if small.is_floating_point():
        raise Wrong("A mask holds class indices. Return it as uint8.")
    found, allowed = set(small.unique().tolist()), {0, 3, 9, 255}
    if made_up := sorted(found - allowed):
        raise Wrong(
            f"The mask held 0, 3, 9 and 255. Yours also holds {made_up[0]}, a class that was not there."
        )
    if 255 not in found:
        raise Wrong("Void is gone. Pixels without a label must not become a class.")
    corners = [int(small[y, x]) for y in (0, -1) for x in (0, -1)]
    if corners != [0, 9, 3, 255]:
        raise Wrong(f"The corners held 0, 9, 3 and 255; yours hold {', '.join(map(str, corners))}.")
    return "Nearest neighbour copies one pixel. The mean of class 3 and class 9 is not class 6."


def _ranked_above(high: Tensor, low: Tensor) -> float:
    """In how many of the pairs the first is above the second: the area under the ROC curve."""
    return float(roc_auc_score([1] * len(high) + [0] * len(low), torch.cat([high, low])))


def _near(a: Tensor, b: Tensor) -> bool:
    return bool(torch.allclose(a.double(), b.double(), atol=1e-4))


def _list(numbers: Tensor) -> str:
    return ", ".join(f"{number:.3g}" for number in numbers.tolist())
