"""Class colours that colour-blind people can tell apart: ten chosen by an expert, the others measured."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]

BACKGROUND: Color = (0, 0, 0)
VOID: Color = (224, 224, 192)

# Petroff, "Accessible Color Sequences for Data Visualization", 2021; in matplotlib as "petroff10".
PETROFF10: tuple[Color, ...] = (
    (63, 144, 218),
    (255, 169, 14),
    (189, 31, 1),
    (148, 164, 162),
    (131, 45, 182),
    (169, 107, 89),
    (231, 99, 0),
    (185, 172, 112),
    (113, 117, 129),
    (146, 218, 221),
)

# How linear RGB looks to eyes that lack one type of cone. Machado, Oliveira, Fernandes, "A
# Physiologically-based Model for Simulation of Color Vision Deficiency", 2009, table 1, severity 1.0.
EYES = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanope": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranope": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanope": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def palette(count: int) -> tuple[Color, ...]:
    """The first `count` colours of one fixed list, so that adding a class never recolours the others.

    The first ten are Petroff's. Each further one is the colour of a 13 x 13 x 13 grid that is farthest from
    all before it, from black (background) and from the void colour, where the distance of two colours is
    CIEDE2000 as seen by the eyes that tell them apart worst: normal, protanope, deuteranope or tritanope.
    The smallest distance is 12 for up to 15 colours, 10 for 20, 8 for 32: with many classes trust names and
    outlines, not colours.

    Args:
        count: how many colours, 0 to 255.

    Returns:
        `count` different colours, each (red, green, blue) in 0..255.

    Example:
        >>> palette(2)
        ((63, 144, 218), (255, 169, 14))
    """
    return PETROFF10[:count] if count <= len(PETROFF10) else _extended(count)


def as_seen(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Simulate how the four kinds of eyes see colours.

    Args:
        colors: (M, 3) red, green, blue in 0..255.

    Returns:
        (4, M, 3) red, green, blue in 0..1, in the order of `EYES`.
    """
    values = colors / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = (linear @ np.array([*EYES.values()]).transpose(0, 2, 1)).clip(0, 1)  # (4, M, 3)
    return np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)


@lru_cache
def _extended(count: int) -> tuple[Color, ...]:
    from skimage.color import deltaE_ciede2000, rgb2lab  # only here: a third of a second to import

    levels = np.linspace(0, 255, 13).round()
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)  # (2197, 3)
    places = rgb2lab(as_seen(grid))
    taken = rgb2lab(as_seen(np.array([BACKGROUND, VOID, *PETROFF10], float)))
    # For each colour of the grid, the distance to the nearest one already taken, in the worst eyes.
    nearest = deltaE_ciede2000(places[:, :, None], taken[:, None]).min(axis=(0, 2))  # (2197,)
    chosen = [*PETROFF10]
    while len(chosen) < count:
        best = nearest.argmax()
        red, green, blue = (int(value) for value in grid[best])
        chosen.append((red, green, blue))
        nearest = np.minimum(nearest, deltaE_ciede2000(places, places[:, best, None]).min(axis=0))
    return tuple(chosen)
