"""What travels to the browser, once: image, superpixels, the regions that can be shown, every number."""

from __future__ import annotations

from typing import Any
from zlib import compress

import numpy as np
from torch import Tensor

from seglib.labels import Classes
from seglib.regions.features import CONTEXT, MEAN
from seglib.widgets import pack
from seglib.widgets.old_chart import packed_chart
from seglib.widgets.proposals.curves import recall_chart, recall_words, similarity_chart
from seglib.widgets.proposals.facts import Facts
from seglib.widgets.proposals.reading import bars, paste_step


def packed(facts: Facts) -> dict[str, Any]:
    """The facts as explorer.js unpacks them."""
    classes = facts.classes or Classes.of("background")
    return {
        **pack.pack(facts.image, {}, classes),
        "grouping": _grouping(facts),
        "superpixels": pack.deflate(facts.regions.labels, "<u4"),
        "regions": _regions(facts),
        "objects": [
            {
                "name": name,
                "color": _colour(facts, index),
                "mask": _bits(facts.objects.masks[index].flatten()),
            }
            for index, name in enumerate(facts.names)
        ],
        "total": facts.total,
        "numbers": list(facts.numbers),
        "last": facts.last.tolist(),
        "best": facts.best.tolist(),
        "overlaps": [[f"{value:.3f}" for value in row] for row in facts.overlaps.tolist()],
        "lengths": [[round(value, 4) for value in row] for row in facts.overlaps.tolist()],
        "found": [recall_words(facts, stop) for stop in range(len(facts.numbers)) if facts.names],
        "recall": packed_chart(recall_chart(facts)) if facts.names else None,
        "paste": _paste(facts),
        "crops": {"side": facts.side, "context": CONTEXT, "fill": list(MEAN)},
    }


def _grouping(facts: Facts) -> dict[str, Any]:
    """The tree, and the chart of its similarities."""
    tree = facts.tree
    return {
        "labels": pack.deflate(tree.labels, "<u4"),
        "merges": tree.merges.tolist(),
        "similarities": [f"{value:.2f}" for value in tree.similarities.tolist()],
        "counts": list(facts.counts),
        "chart": packed_chart(similarity_chart(facts)),
    }


def _regions(facts: Facts) -> dict[str, Any]:
    """The N regions that can be on show: superpixels as bits, row by row; places, areas, boxes, scores."""
    scored = [bars(facts, region) for region in range(len(facts.regions))]
    zero = next((one.zero for one in scored if one), 0.0)
    names = next((one.names for one in scored if one), ())
    return {
        "width": facts.regions.members.shape[1],
        "members": _bits(facts.regions.members),
        "ranks": (facts.ranks + 1).tolist(),
        "areas": facts.regions.areas.tolist(),
        "boxes": facts.regions.boxes.tolist(),
        "classes": list(names),
        "zero": round(zero, 5),
        "texts": [list(one.texts) for one in scored if one],
        "ends": [[round(end, 5) for end in one.ends] for one in scored if one],
    }


def _paste(facts: Facts) -> dict[str, Any]:
    """The order, and every step in words."""
    return {
        "picked": facts.picked.tolist(),
        "kinds": facts.kinds,
        "rest": facts.rest,
        "words": [paste_step(facts, painted) for painted in range(len(facts.picked) + 1)],
        "given": facts.scores is not None,
    }


def _bits(flags: Tensor) -> bytes:
    """Booleans (..., S), eight to a byte in each row, highest bit first; deflated."""
    return compress(np.packbits(flags.numpy(), axis=-1).tobytes())


def _colour(facts: Facts, index: int) -> tuple[int, int, int] | None:
    """The colour of an object's class, where classes are known."""
    return None if facts.classes is None else facts.classes.colors[int(facts.objects.classes[index])]
