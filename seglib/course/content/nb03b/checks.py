"""The checks of notebook 03b."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from seglib.course.content.nb03b.answers import drop
from seglib.course.lesson import Wrong
from seglib.course.samples import album, slope
from seglib.data.quality import blur
from seglib.labels import percent

EMPTY = "pool_05"  # odd, not wrong: no animals, and no mistake in its mask
CHANGED = 0.01  # of the pixels at most
CHECKED = {"ordinary": range(0, 30, 3), "calm": range(30, 45, 2), "blurred": range(45, 60, 2)}
ENOUGH = 0.95  # of the pairs in the right order
TRIED = (45, 50, 55)  # blurred images of the album that the disguise is tried on


@cache
def _slopes() -> dict[str, list[tuple[Tensor, Tensor]]]:
    """The two slopes of some images of each kind; the same whenever the check runs."""
    photos = album()
    some: dict[str, list[Tensor]] = {kind: [photos[k][0] for k in each] for kind, each in CHECKED.items()}
    some["in part"] = [_ground_blurred(*photos[number]) for number in CHECKED["calm"]]
    return {kind: [(slope(image, 1.0), slope(image, 2.0)) for image in each] for kind, each in some.items()}


def _ground_blurred(image: Tensor, mask: Tensor) -> Tensor:
    """The image with its background out of focus, and its animals as they were."""
    image = image.as_subclass(Tensor)
    return torch.where(mask.as_subclass(Tensor) == 0, gaussian_blur(image, [13, 13], [2.0, 2.0]), image)


def check_edge_blur(fn: Callable[[Tensor, Tensor], float]) -> str:
    """03b.1: the blurred images above the ordinary, the calm and the partly sharp, nearly always."""
    scores = {kind: torch.tensor([float(fn(*one)) for one in each]) for kind, each in _slopes().items()}
    if torch.cat([*scores.values()]).isnan().any():
        raise Wrong("A score is NaN. A flat pixel has slope 0 in both, so 0 / 0: use the edges only.")
    ordinary, calm, part = (
        _ranked_above(scores["blurred"], scores[kind]) for kind in ("ordinary", "calm", "in part")
    )
    said = (
        f"A blurred image scores above an ordinary one in {100 * ordinary:.0f} % of the pairs, above a calm "
        f"one in {100 * calm:.0f} %, above one with sharp animals on blurred ground in {100 * part:.0f} %."
    )
    if max(ordinary, calm) < 0.1:
        raise Wrong("The sharp images have the highest scores. High should mean blurred.")
    if calm < ENOUGH <= ordinary:
        raise Wrong(f"{said} Calm images have large areas without an edge. Which pixels show the focus?")
    if part < ENOUGH <= min(ordinary, calm):
        raise Wrong(f"{said} A few sharp edges are enough. Which of the ratios should count?")
    if min(ordinary, calm, part) < ENOUGH:
        raise Wrong(f"{said} At the strongest edges 95 % is within reach.")
    return said


def check_disguise(fn: Callable[[Tensor], Tensor]) -> str:
    """03b.2, open: a blurred image that measures as sharp, with few pixels changed."""
    images = album()
    blurred = [images[number][0].as_subclass(Tensor) for number in TRIED]
    disguised = [fn(image) for image in blurred]
    most = max(float((new != old).any(0).float().mean()) for old, new in zip(blurred, disguised))
    worst, limit = max(map(blur, disguised)), _ordinary()
    if not most:
        raise Wrong("Nothing was changed.")
    if most > CHANGED:
        raise Wrong(f"{100 * most:.1f} % of the pixels differ; at most {100 * CHANGED:.0f} % may.")
    said = (
        f"With {100 * most:.2f} % of the pixels changed it measures {worst:.2f}, ordinary pools {limit:.2f}."
    )
    if not worst < limit:  # also NaN
        raise Wrong(f"{said} Yours must be below.")
    return f"{said} So look at the images before you trust a number. Can you do it with fewer pixels?"


@cache
def _ordinary() -> float:
    """The median blur of the album's ordinary images."""
    images = album()
    return float(torch.tensor([blur(images[number][0]) for number in CHECKED["ordinary"]]).median())


def check_drop(answer: Iterable[str]) -> str:
    """03b.3: the five faults; the empty pool stays."""
    if not all(isinstance(name, str) for name in answer):
        raise Wrong("Give a set of names, as in {'pool_00', 'pool_01'}.")
    names = set(answer)
    if named := sorted(name for name in names if name.startswith("train/")):
        raise Wrong(f"Give names without the split: {named[0].removeprefix('train/')!r}, not {named[0]!r}.")
    if val := sorted(name for name in names if name.startswith(("val/", "check_"))):
        raise Wrong(f"Keep {val[0]} in the validation split, and drop the copy in the training split.")
    if EMPTY in names:
        raise Wrong(f"Look at {EMPTY}. Is its mask wrong? What would a net learn from it?")
    if unknown := sorted(names - {f"pool_{number:02}" for number in range(24)}):
        raise Wrong(f"No training pool is called {unknown[0]!r}. Write a name as the report does: 'pool_00'.")
    if good := sorted(names - drop):
        raise Wrong(f"Nothing is wrong with {good[0]}: the report does not name it.")
    if missing := len(drop - names):
        raise Wrong(f"{len(names)} right, {missing} missing. Some are only suspicious: there you decide.")
    return "Five are out. The empty pool stays: it shows what a pool without animals looks like."


def check_shrink(fn: Callable[[Tensor, tuple[int, int]], Tensor]) -> str:
    """03b.4, the bug clinic: no class that was not there, void stays, the corners stay, nothing moves."""
    mask = torch.zeros(32, 48, dtype=torch.uint8)
    mask[:20, 30:], mask[20:, :30], mask[20:, 30:] = 9, 3, 255
    small = fn(mask, (9, 17))
    found, allowed = set(small.unique().tolist()), {0, 3, 9, 255}
    if made_up := sorted(found - allowed):
        raise Wrong(f"The mask held 0, 3, 9 and 255. Yours also holds {made_up[0]}, which was not there.")
    if 255 not in found:
        raise Wrong("Void is gone. Pixels without a label must not become a class.")
    corners = [int(small[y, x]) for y in (0, -1) for x in (0, -1)]
    if corners != [0, 9, 3, 255]:
        raise Wrong(f"The corners held 0, 9, 3 and 255; yours hold {', '.join(map(str, corners))}.")
    for row, which, held in ((0, "first", {0, 9}), (-1, "last", {3, 255})):
        if moved := {*small[row].tolist()} - held:
            raise Wrong(
                f"The {which} row held only {min(held)} and {max(held)}; yours holds {moved.pop()}, which is "
                "elsewhere in the mask. Between two classes there is no third."
            )
    before, now = (float((one == 9).float().mean()) for one in (mask, small))
    if abs(before - now) > 0.06:
        raise Wrong(f"Class 9 was {percent(before)} of the mask, now {percent(now)}: only a part was shrunk.")
    return "Nearest neighbour copies one pixel. The mean of class 3 and class 9 is not class 6."


def _ranked_above(high: Tensor, low: Tensor) -> float:
    """In how many of the pairs the first is above the second: the area under the ROC curve."""
    return float(roc_auc_score([1] * len(high) + [0] * len(low), torch.cat([high, low])))
