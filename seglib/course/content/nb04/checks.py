"""The checks of notebook 04."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from seglib.course.content.nb04.answers import corners, foreground, paste
from seglib.course.guard import in_words
from seglib.course.lesson import Wrong, near, refuse
from seglib.labels import VOID
from seglib.regions.proposals import Proposals, propose, true_regions
from seglib.scenes import Scenes

Merged = tuple[tuple[int, int], Tensor]
POOLS, REGIONS, CHOSEN, BEATEN = 10, 400, 20, 0.05  # of the open task; the last is of mean best overlap
OTHER_ORDER = "In another order of the regions your mask is another. The lowest score comes first."


def check_merge_most_similar(fn: Callable[[Tensor, Tensor, Tensor], Merged]) -> str:
    """04.1: neighbours only, what histograms share, and a mixture by size."""
    histograms = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.2, 0.8], [0.4, 0.6, 0.0], [0.0, 0.4, 0.6]])
    sizes, pairs = torch.tensor([30.0, 10.0, 5.0, 40.0]), torch.tensor([[0, 1], [1, 2], [1, 3], [2, 3]])
    (i, j), mixed = fn(histograms, sizes, pairs)
    pair = sorted((i, j))
    if pair == [0, 2]:
        raise Wrong("Regions 0 and 2 are the most similar, but they do not touch: (0, 2) is not in pairs.")
    if pair in ([0, 1], [1, 2]):
        raise Wrong(f"Regions {pair[0]} and {pair[1]} share least, .2. Merge the two that share most.")
    if pair != [1, 3]:
        raise Wrong(f"Of the four pairs, 1 and 3 share most: .2 + .6. You merged {pair}.")
    merged = histograms[[1, 3]]
    known = {
        "That is the plain mean. Region 3 has four times the pixels of region 1.": merged.mean(0),
        "Your histogram sums to 2. It is of one region now: its bins sum to 1.": merged.sum(0),
    }
    refuse(mixed, known)
    if not near(mixed, torch.tensor([0.0, 0.36, 0.64])):
        raise Wrong(f"10 and 40 pixels mix to 0, .36, .64; yours: {in_words(mixed)}.")
    others = {  # what 0 and 1, and what 0 and 2 share
        (0.5, 0.4): ([[0, 0.2, 0.7, 0, 0.1], [0, 0.6, 0.2, 0.1, 0.1], [0.2, 0, 0.4, 0.4, 0]], [10, 80, 10]),
        (0.6, 0.5): ([[0.4, 0, 0.6], [0, 0.2, 0.8], [0.8, 0.1, 0.1]], [10, 10, 40]),
    }
    for (most, less), (rows, numbers) in others.items():
        given = torch.tensor(rows), torch.tensor(numbers).float(), torch.tensor([[1, 2], [0, 2], [0, 1]])
        pair = sorted(fn(*given)[0])
        if pair != [0, 1]:
            common = "What is shared is the smaller of the two, bin by bin, summed up; sizes do not matter."
            share = f"0 and 1 share {most}, 0 and 2 share {less}; you merged {pair}"
            raise Wrong(f"Of three others, {share}. {common}")
    return "No pixel was looked at. That is why a whole hierarchy takes a fraction of a second."


def check_foreground(fn: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """04.2: the inside stays, the outside becomes the mean colour."""
    rng = torch.Generator().manual_seed(0)
    crop = torch.rand(3, 4, 5, generator=rng) * 255
    mask = torch.tensor([[0, 1, 1, 0, 0], [1, 1, 0, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 1, 0]]).bool()
    mean = torch.tensor([120.0, 110.0, 100.0])
    got = fn(crop, mask, mean)
    black, own = (foreground(crop, mask, fill) for fill in (torch.zeros(3), crop.mean((1, 2))))
    known = {
        "Inverted: the region itself is gone.": foreground(crop, ~mask, mean),
        "Black is a colour too. The net subtracts the mean first: only the mean becomes 0.": black,
        "You took the mean of this crop. It shows the net what was behind the object.": own,
        "Everything is still there. That is the full crop.": crop,
    }
    refuse(got, known)
    if not near(got[:, mask], crop[:, mask]):
        raise Wrong("The pixels of the region must stay as they are.")
    if not near(got, foreground(crop, mask, mean)):
        raise Wrong("Outside the region each channel must be the mean of that channel.")
    return "After the net has subtracted the mean colour, everything outside is 0: nothing to see."


def check_hard_negatives(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """04.3: far from every object, and not yet rejected; -1 itself counts, .2 does not."""
    scores = torch.tensor([1.4, 0.3, -0.5, -1.1, 0.8, -0.9, -1.0, 2.0, 0.6, 1.5])
    overlaps = torch.tensor([0.9, 0.1, 0.0, 0.05, 0.35, 0.19, 0.1, 0.2, 0.0, 0.1])
    got = sorted(fn(scores, overlaps).tolist())
    if set(got) <= {0, 1} and len(got) == len(scores):
        raise Wrong("Return the indices of the regions, not a True or False for each.")
    for wrong, sentence in {
        0: "Region 0 overlaps an object by .9. As a negative it would teach the SVM to reject the object.",
        4: "Region 4 overlaps an object by .35: neither a good positive nor a clear negative.",
        7: "Region 7 overlaps an object by .2 exactly. A negative overlaps by less.",
        (1, 2, 3, 5, 6, 8, 9): "Those are all negatives. The easy ones, scored below -1, teach nothing new.",
        (1, 8, 9): "You return those above 0, which are wrong. Hinge loss also pushes those from -1 to 0.",
        (1, 2, 5, 8, 9): "Region 6 scores -1 exactly. It lies on the margin, and SDS still adds it.",
        (1, 2, 5, 6, 8): "Region 9 is missing. Of all negatives, the SVM is most wrong about it.",
    }.items():
        if wrong in got or wrong == tuple(got):
            raise Wrong(sentence)
    if got != [1, 2, 5, 6, 8, 9]:
        raise Wrong(f"1, 2, 5, 6, 8 and 9 are far from any object and score -1 or more; you say {got}.")
    for negative in (0, 1):  # regions 0 and 1, each alone
        got = fn(scores[negative : negative + 1], overlaps[negative : negative + 1]).tolist()
        if got != [0] * negative:
            wanted = f"{('no', 'a')[negative]} hard negative, I expect {[0] * negative}"
            raise Wrong(f"Of one region alone, {wanted}; yours is {got}.")
    return "Of thousands of regions these few are what the SVM still has to learn."


def check_paste(fn: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> str:
    """04.4: the best region lies on top; below the threshold nothing is painted."""
    masks = torch.zeros(3, 2, 5, dtype=torch.bool)
    masks[0, :, :3], masks[1, :, 2:4], masks[2, :1, 3:] = True, True, True
    classes, scores = torch.tensor([2, 1, 2]), torch.tensor([0.4, 0.9, -0.2])
    exactly, same, falling = torch.tensor([[0.4, 0.9, 0.5], [0.4, -0.9, 0.4], [0.9, 0.5, 0.3]])
    got = fn(masks, classes, scores, 0.0)
    if got.tolist() == [[2, 2, 2, 1, 0]] * 2:
        raise Wrong("The better region is below: pixel 2 belongs to the region with .9, not .4.")
    if (got[:, 4] == 2).any():
        raise Wrong("A region below the threshold was painted: -0.2 is not above 0.")
    cases = {
        "": (scores, 0.0),
        "With the threshold at .5 only the region with .9 is left.": (scores, 0.5),
        "At -.5 the region with -.2 is painted too: scores may be negative.": (scores, -0.5),
        "A region that scores exactly .5 was painted at threshold .5. It must be above it.": (exactly, 0.5),
        "Two regions have the same score.": (same, 0.0),
        "At -5 all regions are painted; pixels in no region stay 0.": (same, -5.0),
        "Two regions of one class each have a place in the order of their own.": (falling, 0.0),
    }
    for sentence, (scores, threshold) in cases.items():
        for order in ([0, 1, 2], [1, 0, 2]):
            given = masks[order], classes[order], scores[order], threshold
            got, wanted = fn(*given), paste(*given)
            if not torch.equal(got, wanted):
                row = int((got != wanted).nonzero()[0, 0])
                said = f"Row {row} should be {in_words(wanted[row])}; yours is {in_words(got[row])}."
                raise Wrong(f"{sentence if order[0] == 0 else OTHER_ORDER} {said}".lstrip())
    if fn(masks[:0], classes[:0], scores[:0], 0.0).any():
        raise Wrong("Without any region the mask is 0 everywhere.")
    return "Painted from the worst to the best, each over what was there: the painter's algorithm."


@cache
def _pools() -> list[tuple[Proposals, Tensor]]:
    """The regions of some pools, and their overlaps (R, G) with the true ones."""
    found = []
    for image, mask in Scenes(POOLS, split="val", size=(112, 112), seed=4):
        proposals, truth = propose(image, REGIONS), true_regions(mask)[0]
        found.append((proposals, proposals.overlaps_many(truth.masks(), mask == VOID)))
    return found


def check_choose(fn: Callable[[Proposals, int], Tensor]) -> str:
    """04.5, open: twenty regions of each pool with a higher mean best overlap than the library's first."""
    mine, first = [], []
    for proposals, overlaps in _pools():
        chosen = fn(proposals, CHOSEN)
        if len(chosen) != CHOSEN:
            raise Wrong(f"You return {len(chosen)} regions of a pool; {CHOSEN} were asked for.")
        if chosen.min() < 0 or chosen.max() >= len(proposals):
            raise Wrong(f"There is no such region: of {len(proposals)} you return {chosen.tolist()}.")
        if len(chosen.unique()) < CHOSEN:
            raise Wrong(f"A region is in your list twice: of {CHOSEN} {len(chosen.unique())} are different.")
        mine.append(overlaps[chosen].amax(0))
        first.append(overlaps[:CHOSEN].amax(0))
    if (found := len(fn(_pools()[0][0], CHOSEN // 2))) != CHOSEN // 2:
        raise Wrong(f"You return {found} regions where `number` is {CHOSEN // 2}.")
    yours, ours = (float(torch.cat(parts).mean()) for parts in (mine, first))
    said = f"Mean best overlap {yours:.3f}; the library's first twenty have {ours:.3f}."
    if yours < ours + BEATEN:
        raise Wrong(f"{said} Yours must be {BEATEN} better.")
    return said


def check_corners(fn: Callable[[Tensor], Tensor]) -> str:
    """04.6: x y w h to x1 y1 x2 y2, end-exclusive."""
    rects = torch.tensor([[10, 20, 30, 5], [3, 4, 320, 200]])
    got, wanted = fn(rects), corners(rects)
    known = {
        "Unchanged. A box that begins at x = 10 and ends at x2 = 30 is 20 wide, not 30.": rects,
        "One pixel short: our boxes end after their last pixel.": wanted - torch.tensor([0, 0, 1, 1]),
        "Rows and columns are swapped: x comes first.": wanted[:, [1, 0, 3, 2]],
    }
    refuse(got, known)
    if not torch.equal(got, wanted):
        row = int((got != wanted).nonzero()[0, 0])
        given, right, yours = (in_words(boxes[row]) for boxes in (rects, wanted, got))
        raise Wrong(f"{given} should become {right}; yours is {yours}.")
    return "Two conventions and no error message. Draw boxes before you train with them. COCO uses OpenCV's."
