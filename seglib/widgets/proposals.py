"""The proposal explorer: superpixels grow together, regions are ranked, one is chosen, scored and pasted."""

from dataclasses import dataclass
from functools import cache, cached_property, partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from seglib import boxes
from seglib.data.dataset import Instances
from seglib.labels import Classes, Color, numbered
from seglib.regions import Proposals, hierarchy
from seglib.regions.crops import crops
from seglib.regions.features import bounded_size, resize_mask
from seglib.regions.grouping import Hierarchy
from seglib.regions.proposals import recall
from seglib.regions.segmenter import paint, select_regions
from seglib.regions.superpixels import as_rgb, shrink
from seglib.widgets import pack
from seglib.widgets.chart import Chart, Line, points
from seglib.widgets.film import Film, Frame, Labels, Palette, Panel, Reel, Row, View, script

ORANGE, BLUE = (230, 159, 0), (86, 180, 233)  # Okabe and Ito's
HALF, MORE = 0.5, 0.7  # overlaps from which on an object counts as found
MEAN = "best overlap, mean over all objects"  # not MABO, the mean over the classes
FINE = 50  # scale of the superpixels that the grouping begins with; that of the proposals
EVERY = 100  # the last hundred merges can be seen one by one
STEPS = 80  # of the slider before these
FIRST = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80)  # then the same times ten
APART = 0.14  # of the chart's width: the room that the last number takes below it


class ProposalExplorer(Film):
    """Region proposals of one image: how they grow, how many are needed, what the net sees of them.

    Three views of the same image. Grouping: the two most similar neighbours become one, from superpixels to
    the whole image. Proposals: the best region for an object among the first N, the recall curve, and the
    two crops that go into the net. Paste: regions painted in ascending order of their SVMs' scores.
    Everything is computed once, here: the browser needs no kernel, in exported HTML neither.

    Args:
        image: (3, H, W) uint8 that the proposals were made of, or a larger copy of it.
        proposals: its regions, best first.
        instances: its objects; without them there is no overlap and no recall.
        classes: names and colours.
        hierarchy: the grouping of the first view; by default `hierarchy(image, scale=50)`.
        scores: (R, K) the score that the SVM of each class gives each region; without them nothing is pasted.
        threshold: a region is pasted if it scores more than this; an SVM's own limit is 0.
        fill_class: the class of pixels in no pasted region.
        side: side of the crops that go into the net, in pixels.
        **state: traits to begin with, as in `view="paste"`: `view`, `reel` (the object), `at` (the stop of
            the slider).

    Raises:
        ValueError: a size, type or value does not fit; the message says which.

    Example:
        >>> import torch
        >>> from seglib.regions import propose
        >>> image = torch.zeros(3, 40, 60, dtype=torch.uint8)
        >>> image[:, 10:30, 20:40] = 255
        >>> fish = Instances(image[:1] > 0, torch.tensor([1]), torch.tensor([[20, 10, 40, 30]]))
        >>> classes = Classes.of("background", "fish")
        >>> shown = ProposalExplorer(image, propose(image), fish, classes=classes, view="proposals")
        >>> shown.frame.words[-30:]
        'fits fish best: overlap 1.000.'
    """

    _esm = script("Proposal explorer")

    def __init__(
        self,
        image: Tensor,
        proposals: Proposals,
        instances: Instances | None = None,
        *,
        classes: Classes,
        hierarchy: Hierarchy | None = None,
        scores: Tensor | None = None,
        threshold: float = 0.0,
        fill_class: int = 0,
        side: int = 96,
        **state: Any,
    ) -> None:
        image, objects, tree = _fitted(image, proposals, instances, hierarchy)
        if scores is not None:
            scores = _region_scores(scores, len(proposals), classes)
        scene = _Scene(image, proposals, objects, _object_names(objects, classes), classes, scores, side)
        views = [_grouping(image, tree), _proposals(scene)]
        if scores is not None:
            selected = select_regions(proposals, scores, threshold=threshold)
            views.append(_paste(scene, scores, selected, fill_class))
        facts = [
            f"Proposals of an image, {image.shape[2]} x {image.shape[1]} pixels: {len(proposals):,} regions; "
            f"grouping begins with {len(tree.merges) + 1:,} superpixels."
        ]
        if scene.names:
            best = ", ".join(f"{row.rows[-1].name} {row.rows[-1].texts[0]}" for row in views[1].reels[:-1])
            facts += [f"Recall, {scene.recall_chart.words}.", f"Best overlap: {best}."]
        super().__init__(image, views, facts, **state)


def _fitted(
    image: Tensor, proposals: Proposals, instances: Instances | None, tree: Hierarchy | None
) -> tuple[Tensor, Instances, Hierarchy]:
    """Image, objects and grouping in the size of the proposals; objects without pixels are left out."""
    image = as_rgb(image)
    full, size = tuple(image.shape[1:]), (proposals.labels.shape[0], proposals.labels.shape[1])
    if not len(proposals):
        raise ValueError("there are no regions in the proposals; propose(image) makes some")
    if size != bounded_size(full, max(size)):
        raise ValueError(
            f"the proposals have the size {size} (H, W), the image {full}; give the image that they were "
            "made of, or a larger copy of it"
        )
    if tree is not None and tree.labels.shape != size:
        raise ValueError(
            f"the proposals have the size {size}, the hierarchy {tuple(tree.labels.shape)}; "
            "make both of the same image"
        )
    masks, kinds = torch.zeros(0, *size).bool(), torch.zeros(0).long()
    if instances:
        masks, kinds = instances.masks.cpu(), instances.classes.cpu()
        if tuple(masks.shape[1:]) not in (full, size):
            raise ValueError(f"the instances have the size {tuple(masks.shape[1:])}, the image {full}")
        masks = resize_mask(masks, size)
    seen = masks.flatten(1).any(dim=1)
    shown = shrink(image, size).contiguous()
    objects = Instances(masks[seen], kinds[seen], boxes.from_masks(masks[seen]))
    return shown, objects, tree or hierarchy(shown, scale=FINE)


def _object_names(objects: Instances, classes: Classes) -> tuple[str, ...]:
    """A name for each object: its class, with a number where there are several of it."""
    for index in objects.classes.tolist():
        if not 0 <= index < len(classes):
            raise ValueError(
                f"an object has class {index}; the classes are 0..{len(classes) - 1} ({', '.join(classes)})"
            )
    return numbered([classes.names[index] for index in objects.classes.tolist()])


def _region_scores(scores: Tensor, regions: int, classes: Classes) -> Tensor:
    """(R, K) float32, minus infinity in the column of the background, which no region belongs to."""
    if tuple(scores.shape) != (regions, len(classes)):
        raise ValueError(
            f"scores must be (R, K) = ({regions}, {len(classes)}), a row for each region and a column for "
            f"each class; not {tuple(scores.shape)}"
        )
    found = scores.detach().cpu().float().clone()
    if classes.background is not None:
        found[:, classes.background] = -torch.inf
    return found.nan_to_num(nan=-torch.inf, posinf=torch.finfo().max, neginf=-torch.inf)


def stops_down(superpixels: int) -> list[int]:
    """How many regions are left at each stop, from all superpixels to one.

    Example:
        >>> stops_down(4), len(stops_down(5000))
        ([4, 3, 2, 1], 180)
    """
    if superpixels <= EVERY + STEPS:
        return list(range(superpixels, 0, -1))
    ratio = (superpixels / EVERY) ** (1 / STEPS)
    early = [round(superpixels / ratio**step) for step in range(STEPS)]
    return [*dict.fromkeys(early), *range(EVERY, 0, -1)]


def stops_up(total: int) -> list[int]:
    """How many proposals are examined at each stop, from one to all.

    Example:
        >>> stops_up(25)
        [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25]
    """
    rounds = [number * 10**power for power in range(6) for number in (FIRST if not power else FIRST[7:])]
    return [*(number for number in dict.fromkeys(rounds) if number < total), total]


def _grouping(image: Tensor, tree: Hierarchy) -> View:
    """Every region in its mean colour, and in orange and blue the two that merge next."""
    total = len(tree.merges) + 1
    flat = tree.labels.flatten()
    areas = tree.sums(flat.bincount(minlength=total))
    pieces = tree.sums(torch.ones(total, dtype=torch.long))
    sums = [tree.sums(flat.bincount(channel.double(), minlength=total)) for channel in image.flatten(1)]
    colors = (torch.stack(sums) / areas).round().int().T.tolist()
    pair: list[tuple[str, Color]] = [
        ("merges next with the blue one", ORANGE),
        ("merges next with the orange one", BLUE),
    ]
    regions = (
        (f"{area:,} pixels, {count:,} superpixel{'s' * (count > 1)}", tuple(color))
        for area, count, color in zip(areas.tolist(), pieces.tolist(), colors)
    )
    palette = Palette(dict(enumerate([*pair, *regions])), hatched=(0, 1), key=(0, 1))
    counts = stops_down(total)
    following = dict(pairwise(counts))
    node, frames = torch.arange(total), []
    for left, merge in zip(range(total, 0, -1), [*tree.merges.tolist(), []]):
        if left in counts:
            values = node + 2
            for place, part in enumerate(merge):
                values = values.masked_fill(node == part, place)
            begin = f"{left:,} superpixels" if left == total else f"{left:,} of {total:,} regions are left"
            words = "One region is left: the whole image."
            if merge:
                similar = f"similarity {tree.similarities[total - left]:.2f}"
                words = f"{begin}. The two with stripes merge next: {similar}."
                if (merges := left - following[left]) > 1:
                    words += f" The next stop is {merges} merges ahead."
            frames.append(Frame(words, (Panel("region", Labels(tree.labels, values), palette),)))
        node = node.masked_fill(torch.isin(node, torch.tensor(merge, dtype=torch.long)), 2 * total - left)
    reel = Reel("", tuple(f"{left:,}" for left in counts), tuple(frames))
    return View("grouping", (reel,), slider="Regions left")


@dataclass(frozen=True, eq=False)
class _Scene:
    """An image with R proposals and M objects, and what several frames need of them."""

    image: Tensor
    proposals: Proposals
    objects: Instances
    names: tuple[str, ...]
    classes: Classes
    scores: Tensor | None
    side: int

    @cached_property
    def numbers(self) -> list[int]:
        """T ascending numbers of proposals."""
        return stops_up(len(self.proposals))

    @cached_property
    def best(self) -> tuple[Tensor, Tensor]:
        """(T, M) for each number and object the region that fits best, of equal ones the first; its IoU."""
        overlaps = self.proposals.overlaps_many(self.objects.masks)
        best = torch.stack([overlaps[:number].argmax(dim=0) for number in self.numbers])
        return best, overlaps.gather(0, best)

    @cached_property
    def cells(self) -> tuple[Tensor, Tensor, Tensor]:
        """(H, W) cells of one superpixel and the same objects; the superpixel (C,) and objects (M, C)."""
        codes = self.proposals.labels
        for mask in self.objects.masks:
            codes = (2 * codes + mask).unique(return_inverse=True)[1]
        first = torch.zeros(int(codes.max()) + 1, dtype=torch.long)
        first[codes.flatten()] = torch.arange(codes.numel())  # any pixel of a cell stands for all of them
        return codes, self.proposals.labels.flatten()[first], self.objects.masks.flatten(1)[:, first]

    @cached_property
    def object_panel(self) -> Panel:
        """The number of each object, from 1, and its name in the read-out."""
        ids = pack.instance_ids(self.objects, self.image.shape[1:])
        entries = {number: (name, ORANGE) for number, name in enumerate(("no object", *self.names))}
        return Panel("object", Labels(ids), Palette(entries))

    def reads(self, panel: Panel) -> tuple[Panel, ...]:
        """What the read-out says next to a panel."""
        return (panel, self.object_panel) if self.names else (panel,)

    def looks(self, regions: Tensor) -> dict[int, dict[str, Any]]:
        """What the net is shown of regions (N,) that ascend, and what each SVM says."""
        pairs = zip(*crops(self.image, self.proposals.subset(regions), size=self.side))
        shown = {}
        for region, pair in zip(regions.tolist(), pairs):
            words = f"region {region + 1:,}, {{}}, warped to {self.side} by {self.side} pixels"
            cut = zip(("full box", "foreground"), pair)
            shown[region] = {
                "heading": f"What the net sees of region {region + 1:,}",
                "crops": tuple((title, words.format(title), crop.round().byte()) for title, crop in cut),
                "numbers": self.bars(region),
            }
        return shown

    def bars(self, region: int) -> tuple[Row, ...]:
        """The score of each class's SVM, on an axis that is the same for all regions."""
        if self.scores is None:
            return ()
        ends = self.scores.double().nan_to_num(neginf=0)
        low, high = ends.min().clamp(max=0), ends.max().clamp(min=0)
        zero, *bars = ((torch.cat([torch.zeros(1), ends[region]]) - low) / ((high - low) or 1)).tolist()
        row = self.scores[region].tolist()
        return tuple(
            Row(name, (_score_text(score),), (round(zero, 4), round(bar, 4)), color, strong=score == max(row))
            for name, color, score, bar in zip(self.classes.names, self.classes.colors, row, bars)
            if name != "background"
        )

    @cached_property
    def recall_chart(self) -> Chart:
        """How many objects have a good region among the first 1, 2, ... proposals."""
        overlaps = self.best[1]
        lines = {
            f"found at {HALF}": [recall(row, HALF) for row in overlaps],
            f"found at {MORE}": [recall(row, MORE) for row in overlaps],
            MEAN: overlaps.mean(dim=1).tolist(),
        }
        end = ", ".join(f"{name} {100 * values[-1]:.0f} %" for name, values in lines.items())
        places = torch.linspace(0, 1, len(self.numbers)).tolist()
        marked = [(place, f"{number:,}") for place, number in zip(places, self.numbers) if place < 1 - APART]
        across = [(place, text) for place, text in marked if text.strip("0,") == "1"]
        return Chart(
            "Recall by number of proposals",
            tuple(Line(name, points(places, values)) for name, values in lines.items()),
            [*across, (places[-1], f"{len(self.proposals):,}")],
            ((0.5, "50 %"), (1.0, "100 %")),
            f"with all proposals: {end}",
        )


TABLE: dict[str, Any] = {"heads": ("Class", "SVM score"), "table": "SVM scores", "below": True}
BOTH, ONLY_REGION, ONLY_OBJECT, NEITHER, OTHER = range(5)
OVERLAP = Palette(
    {
        BOTH: ("in both", (255, 255, 255)),
        ONLY_REGION: ("only in the region", ORANGE),
        ONLY_OBJECT: ("only in the object", BLUE),
        NEITHER: ("in neither", (0, 0, 0)),
        OTHER: ("another object, which can be clicked", (110, 110, 110)),
    },
    clear=BOTH,
    hatched=(ONLY_REGION, ONLY_OBJECT),
    key=(ONLY_REGION, ONLY_OBJECT, OTHER),
)


def _proposals(scene: _Scene) -> View:
    """For each object, and last for none, the region that fits it best among the first N."""
    best, overlaps = scene.best
    regions = torch.column_stack([best, torch.tensor(scene.numbers) - 1])  # (T, M + 1)
    looks = scene.looks(regions.unique())
    panel = cache(partial(_overlap, scene))

    def frame(index: int, stop: int) -> Frame:
        region = int(regions[stop, index])
        shown = panel(index, region)
        words = _region_words(scene, index, stop, region)
        return Frame(words, (shown,), scene.reads(shown), **looks[region])

    def reel(index: int, name: str, rows: tuple[Row, ...] = ()) -> Reel:
        stops = tuple(f"the first {number:,}" for number in scene.numbers)
        frames = tuple(frame(index, stop) for stop in range(len(stops)))
        return Reel(name, stops, frames, rows, scene.recall_chart if scene.names else None, len(stops) - 1)

    reels = []
    for index, (name, kind) in enumerate(zip(scene.names, scene.objects.classes.tolist())):
        color, found = scene.classes.colors[kind], overlaps[:, index].tolist()
        rows = (Row(name, (f"{one:.3f}",), (0, round(one, 4)), color, (HALF,)) for one in found)
        reels.append(reel(index, name, tuple(rows)))
    return View(
        "proposals",
        (*reels, reel(-1, "no object: the last region")),
        choice="Object",
        slider="Proposals examined",
        note="The line on each bar is an overlap of 0.5." if scene.names else "",
        **TABLE,
        targets=scene.object_panel.labels.base if scene.names else None,
    )


def _overlap(scene: _Scene, index: int, region: int) -> Panel:
    """Which pixels a region and an object share; index -1 stands for no object."""
    cells, superpixel, inside = scene.cells
    members = scene.proposals.members[region][superpixel]
    target = members if index < 0 else inside[index]
    values = torch.where(inside.any(dim=0), OTHER, NEITHER)
    values[target] = ONLY_OBJECT
    values[members] = ONLY_REGION
    values[members & target] = BOTH
    return Panel("region", Labels(cells, values.byte()), OVERLAP)


def _region_words(scene: _Scene, index: int, stop: int, region: int) -> str:
    """The recall at a stop, and the region on show."""
    if index < 0:
        area = int(scene.proposals.areas[region])
        words = f"Region {region + 1:,} of {len(scene.proposals):,}: {area:,} pixels."
        return words if scene.names else f"{words} No objects are known here, so there is no recall."
    name, number, row = scene.names[index], scene.numbers[stop], scene.best[1][stop]
    found = [int((row >= threshold).sum()) for threshold in (HALF, MORE)]
    words = (
        f"The first {number:,} of {len(scene.proposals):,} proposals find {found[0]} of {len(row)} "
        f"object{'s' * (len(row) > 1)} at an overlap of {HALF}, {found[1]} at {MORE}; "
        f"{MEAN} {float(row.mean()):.3f}."
    )
    if not row[index]:
        return f"{words} None of the first {number:,} touches {name}."
    return f"{words} Of these, region {region + 1:,} fits {name} best: overlap {float(row[index]):.3f}."


def _paste(scene: _Scene, scores: Tensor, selected: Tensor, fill_class: int) -> View:
    """The mask after each region that is pasted, the lowest score first; a box around the last one."""
    palette = Palette.of(scene.classes, key=tuple(scores[selected].argmax(dim=1).unique().tolist()))
    looks = scene.looks(selected.unique())
    pieces = Proposals(
        torch.arange(scene.proposals.members.shape[1])[None], scene.proposals.members, scene.proposals.scores
    )
    frames = []
    for count in range(len(selected) + 1):
        values = paint(pieces, scores, selected[:count], fill_class)[0].byte()
        panel = Panel("pasted", Labels(scene.proposals.labels, values), palette)
        words, row = _paste_words(scene, scores, selected[:count], len(selected), fill_class)
        region = int(selected[count - 1]) if count else -1
        box = (*scene.proposals.boxes[region].tolist(), True)
        shown = (box,) if count else ()
        frames.append(Frame(words, (panel,), scene.reads(panel), row, boxes=shown, **looks.get(region, {})))
    stops = tuple(f"{count} of {len(selected)}" for count in range(len(selected) + 1))
    reel = Reel("", stops, tuple(frames), begin=len(selected))
    return View("paste", (reel,), slider="Regions pasted", list="Paste order", **TABLE)


def _paste_words(
    scene: _Scene, scores: Tensor, pasted: Tensor, total: int, fill_class: int
) -> tuple[str, Row | None]:
    """What the last of the pasted regions is, and what it covers; and its line in the list."""
    if not total:
        return "No region scores more than the threshold, so nothing is pasted.", None
    if not len(pasted):
        waits = f"{total} regions wait, the lowest score first" if total > 1 else "one region waits"
        return f"Nothing is pasted yet; {waits}.", None
    region, names = int(pasted[-1]), scene.classes.names
    index = int(scores[region].argmax())
    score = _score_text(float(scores[region, index]))
    area = int(scene.proposals.areas[region])
    words = f"{len(pasted)} of {total}: {names[index]}, score {score}, {area:,} pixels"
    before = paint(scene.proposals, scores, pasted[:-1], fill_class)
    below = before[scene.proposals.masks([region])[0]].bincount(minlength=len(names)).tolist()
    below[index] = below[fill_class] = 0
    if covered := ", ".join(f"{pixels:,} of {names[kind]}" for kind, pixels in enumerate(below) if pixels):
        words += f"; it covers {covered}"
    return f"{words}.", Row(names[index], (score,), None, scene.classes.colors[index])


def _score_text(score: float) -> str:
    """A score with its sign; "–" for a class that is out of the question."""
    return "–" if score == -torch.inf else f"{score:+.2f}".replace("-", "−")
