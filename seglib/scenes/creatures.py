"""How the creatures of the tide pool are drawn: one short function for each class fills a `Canvas`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seglib.scenes.canvas import Canvas, bezier, polar, ring
from seglib.scenes.surfaces import Color, Material


def fish(canvas: Canvas, rng: np.random.Generator) -> None:
    """A side view: forked tail, fins, bands, spots or a stripe, one eye."""
    depth, fork = rng.uniform(0.28, 0.4), rng.uniform(0.3, 0.42)
    x = np.linspace(0.95, -0.6, 24)
    y = depth * np.sin(np.pi * np.linspace(0, 1, 24) ** 0.75) ** 0.8 + 0.05 * np.linspace(0, 1, 24)
    canvas.part([(-0.5, -0.06), (-0.98, -fork), (-0.82, 0), (-0.98, fork), (-0.5, 0.06)], 0.5)
    canvas.part(bezier([(0.45, -depth * 0.6), (0.15, -depth * 2.2), (-0.4, -depth * 1.5), (-0.4, 0)]), 0.4)
    canvas.part(bezier([(0.1, depth * 0.6), (-0.1, depth * 2.0), (-0.45, depth * 1.4), (-0.4, 0)]), 0.4)
    canvas.part(np.concatenate([np.stack([x, -y], 1), np.stack([x, y], 1)[::-1]]))
    pattern, half = rng.integers(3), lambda at: np.interp(at, x[::-1], y[::-1])
    for at in np.linspace(-0.4, 0.3, int(rng.integers(3, 6))) if pattern == 0 else ():
        reach = 0.85 * half(at)
        canvas.line(bezier([(at + 0.05, -reach), (at - 0.08, 0), (at + 0.05, reach * 0.8)]), 0.05, 0.03, 0.9)
    if pattern == 1:
        at = rng.uniform(-0.45, 0.4, 16)
        canvas.dots(np.stack([at, rng.uniform(-0.8, 0.4, 16) * half(at)], 1), 0.045, 0.9)
    if pattern == 2:
        canvas.line(bezier([(0.55, -0.02), (0, -0.16), (-0.5, 0)]), 0.06, 0.03, 0.9)
    canvas.line(bezier([(0.48, -depth * 0.6), (0.34, 0), (0.46, depth * 0.65)]), 0.01, 0.01, -0.35)
    canvas.part(bezier([(0.32, 0.08), (0.1, 0.06), (-0.12, 0.34), (0.1, 0.3), (0.3, 0.16)]), 0.5)
    canvas.dots([(0.68, -0.1)], 0.075, 1)
    canvas.dots([(0.7, -0.1)], 0.045, -1)


def crab(canvas: Canvas, rng: np.random.Generator) -> None:
    """From above: a broad shell, eight bent thin legs, two claws, two eyes on stalks."""
    for side in (-1, 1):
        for leg in range(4):
            reach = rng.uniform((0.65, 0.85), (0.73, 1.03))
            hip, knee = (0.12 - 0.13 * leg, side * 0.35), (0.28 - 0.26 * leg, side * reach[0])
            foot = (0.38 - 0.4 * leg, side * reach[1])
            limb = np.concatenate([bezier([hip, knee], 8), bezier([knee, foot], 8)])
            canvas.stroke(limb, 0.06, 0.012, 0.05)
        wrist = rng.uniform(0.4, 0.5)
        canvas.stroke(bezier([(0.2, side * 0.36), (0.4, side * 0.78), (0.6, side * wrist)]), 0.07, 0.08)
        for lift, wide in ((-0.09, 0.1), (0.09, 0.075)):
            grip = side * wrist + lift * np.array([0, 2.6, 0.5])
            canvas.stroke(bezier(np.stack([(0.6, 0.8, 0.94), grip], 1)), wide, 0.02, 0.15)
        canvas.stroke(np.array([(0.3, side * 0.12), (0.42, side * 0.14)]), 0.03, 0.045, -0.9)
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    canvas.part(np.stack([0.35 * np.cos(angle), 0.5 * np.sin(angle) * (1 + 0.16 * np.cos(angle))], 1))
    for side in (-1, 1):
        canvas.line(
            bezier([(0.2, side * 0.1), (0.05, side * 0.34), (-0.22, side * 0.12)]), 0.012, 0.012, -0.4
        )
        spots = np.stack([rng.uniform(-0.22, 0.24, 9), side * rng.uniform(0.03, 0.38, 9)], 1)
        canvas.dots(spots, 0.028, 0.9)


def starfish(canvas: Canvas, rng: np.random.Generator) -> None:
    """Five tapering, slightly bent arms with rows of knobs."""
    thick = rng.uniform(0.17, 0.24)
    heading = rng.uniform(0, 2 * np.pi) + np.arange(5) * 2 * np.pi / 5 + rng.normal(0, 0.08, 5)
    bend, reach = rng.normal(0, 0.2, 5), rng.uniform(0.8, 1.0, 5)
    bows = np.stack([np.zeros((5, 2)), polar(heading + 0.2 * bend, 0.5), polar(heading + bend, reach)], 1)
    arms = [bezier(bow, 25) for bow in bows]
    for arm in arms:
        canvas.line(arm, thick * 1.3, thick * 0.32, 0)
    for arm in arms:
        ahead = np.gradient(arm, axis=0)
        across = ahead[:, ::-1] * (1, -1) / np.linalg.norm(ahead, axis=1, keepdims=True)
        width = thick * np.linspace(1, 0.2, 25)[:, None]
        canvas.dots(arm[2::3], 0.04, 1)
        canvas.dots(np.concatenate([arm + across * width, arm - across * width])[3::4], 0.025, 0.7)


def urchin(canvas: Canvas, rng: np.random.Generator) -> None:
    """A ball under a crown of needles."""
    count = int(rng.integers(60, 80))
    angle, reach = rng.uniform(0, 2 * np.pi, count), rng.uniform(0.72, 1.0, count)
    root, tip = polar(angle, 0.3), polar(angle + rng.normal(0, 0.12, count), reach)
    for layer, tone in enumerate((-0.5, 0.0, 0.55)):
        canvas.needles(root[layer::3], tip[layer::3], 0.016, tone)
    canvas.part(ring(0.42 + rng.normal(0, 0.012, 40), 40), -0.3)
    near = rng.normal(0, 0.16, (45, 2))
    canvas.needles(near, near * 2.2, 0.012, 0.25)
    canvas.dots(near * 2.2, 0.02, 0.7)


def jellyfish(canvas: Canvas, rng: np.random.Generator) -> None:
    """A clear bell with ribs and a bright rim, trailing thin tentacles and frilled arms."""
    for y in np.linspace(-0.42, 0.42, int(rng.integers(6, 9))):
        wave, reach = rng.normal(0, 0.16, 3), rng.uniform(-1.0, -0.6)
        bends = [(0.15, y), (-0.15, y * 1.2 + wave[0]), (-0.5, y + wave[1]), (reach, y * 1.2 + wave[2])]
        canvas.stroke(bezier(bends, 40), 0.02, 0.012, 0.3)
    for y in (-0.1, 0.1):
        wave = rng.normal(0, 0.1, 2)
        canvas.stroke(
            bezier([(0.2, y), (-0.2, y * 2.4 + wave[0]), (-0.6, y + wave[1])], 30), 0.1, 0.025, 0.55
        )
    rim_y = np.linspace(0.58, -0.58, 60)
    rim = np.stack([0.06 - 0.05 * np.abs(np.sin(rim_y * 13)), rim_y], 1)
    dome = polar(np.linspace(-np.pi / 2, np.pi / 2, 30), 1.0) * (0.78, 0.58) + (0.06, 0)
    canvas.part(np.concatenate([dome, rim]), -0.15)
    for y in np.linspace(-0.42, 0.42, 7):
        canvas.line(bezier([(0.1, y), (0.5, y * 0.95), (0.74, y * 0.4)]), 0.01, 0.014, 0.4)
    canvas.line(rim, 0.025, 0.025, 0.9)
    canvas.line(dome, 0.018, 0.018, 0.7)
    for y in (-0.26, 0, 0.26):
        band = [(0.3, y - 0.08), (0.62, y * 0.8 - 0.04), (0.62, y * 0.8 + 0.04), (0.3, y + 0.08)]
        canvas.line(bezier(band), 0.03, 0.03, 1)


def shell(canvas: Canvas, rng: np.random.Generator) -> None:
    """A scallop: a fan of ribs, growth bands, two ears at the hinge."""
    canvas.part([(-0.88, -0.34), (-0.55, -0.26), (-0.55, 0.26), (-0.88, 0.34)], 0.3)
    spread, ribs = rng.uniform(0.95, 1.15), int(rng.integers(8, 12))
    angle = np.linspace(-spread, spread, 80)
    edge = 1.66 - 0.3 * (angle / spread) ** 4 + 0.03 * np.cos(angle / spread * np.pi * ribs)
    fan, hinge = polar(angle, edge) * (1, 0.8), np.array([-0.8, 0.0])
    canvas.part(np.concatenate([[hinge], hinge + fan]))
    for band in rng.uniform(0.35, 0.95, 4):
        canvas.line(hinge + fan * band, 0.035, 0.035, rng.uniform(-0.5, 0.9))
    for rib in np.linspace(-spread, spread, ribs + 1)[1:-1]:
        groove = polar(rib, np.array([0.3, 1.56])) * (1, 0.8)
        canvas.line(hinge + groove, 0.016, 0.016, -0.5, crease=True)


def snail(canvas: Canvas, rng: np.random.Generator) -> None:
    """A coiled shell on a soft foot with two feelers."""
    sway, middle = rng.uniform(-0.1, 0.1), np.array([-0.12, -0.02])
    for lift in (0.05, 0.3):
        canvas.stroke(np.array([(0.74, 0.4), (0.95, lift + sway)]), 0.035, 0.03, 0.2)
    canvas.stroke(bezier([(-0.9, 0.58), (0, 0.7), (0.5, 0.6), (0.8, 0.42)]), 0.09, 0.15, 0.35)
    canvas.part(ring(1, 48, stretch=(0.68, 0.64), at=middle))
    turn = np.linspace(0.25, 1, 90)
    coil = polar(turn * 16, 0.62 * turn**1.8) + middle
    canvas.line(coil, 0.01, 0.04, -0.8, crease=True)
    canvas.dots(middle + (coil - middle)[12::7] * 0.84, 0.055, 0.9)


def kelp(canvas: Canvas, rng: np.random.Generator) -> None:
    """A long wavy stem with narrow leaves on both sides and a float at each root."""
    wave = rng.normal(0, 0.4, 3)
    stem = bezier([(-1, 0), (-0.5, wave[0]), (0, wave[1]), (0.5, wave[2]), (1, 0)], 60)
    ahead = np.gradient(stem, axis=0)
    ahead = ahead / np.linalg.norm(ahead, axis=1, keepdims=True)
    canvas.stroke(stem, 0.028, 0.016, -0.4)
    for leaf, at in enumerate(range(4, 58, int(rng.integers(4, 7)))):
        along, across = ahead[at], ahead[at][::-1] * (-1, 1) * (1 if leaf % 2 else -1)
        length, root = rng.uniform(0.22, 0.38), stem[at]
        tip = root + length * (0.8 * along + rng.uniform(0.5, 0.9) * across)
        outer, inner = root + length * 0.75 * across, root + length * 0.7 * along
        canvas.part(
            np.concatenate([bezier([root, outer, tip]), bezier([tip, inner, root])]), rng.uniform(-0.3, 0.6)
        )
        canvas.part(ring(0.035, 12, at=root + 0.03 * across), 0.6)


def seahorse(canvas: Canvas, rng: np.random.Generator) -> None:
    """A crowned head with a snout, a round belly, a curled tail; x along the spine."""
    angle = np.linspace(0, rng.uniform(5.0, 6.2), 40)
    curl = polar(angle - 0.9, 0.24 * (1 - angle / 8)) * (-1, 1) + (-0.66, 0.2)
    canvas.part([(0.2, -0.18), (0.14, -0.46), (0.0, -0.5), (-0.14, -0.4), (-0.12, -0.14)], 0.7)
    canvas.stroke(
        np.concatenate([bezier([(0, 0), (-0.3, -0.12), (-0.5, -0.12), curl[0]]), curl]), 0.17, 0.025
    )
    canvas.stroke(bezier([(0.6, -0.12), (0.4, -0.26), (0.1, 0.0), (0, 0)]), 0.12, 0.2)
    canvas.part(ring(1, 30, stretch=(0.27, 0.21), at=(0.08, 0.05)), 0.1)
    canvas.stroke(bezier([(0.64, 0.0), (0.62, 0.25), (0.5, 0.46)]), 0.1, 0.055, 0.15)
    canvas.part(ring(1, 30, stretch=(0.17, 0.16), at=(0.66, -0.04)))
    for y in (-0.2, -0.1, 0.0):
        canvas.stroke(np.array([(0.78, y), (0.94, y - 0.05)]), 0.045, 0.015, 0.5)
    for x in np.linspace(-0.45, 0.34, 9):
        canvas.line(
            bezier([(x, -0.16), (x + 0.05, 0.02), (x, 0.2)]) * (1, 0.7 + 0.4 * x), 0.012, 0.012, -0.35
        )
    canvas.dots([(0.68, 0.0)], 0.06, 1)
    canvas.dots([(0.69, 0.0)], 0.035, -1)


# The object classes of the built-in scenes and how they look.


@dataclass(frozen=True)
class Species:
    """One class of objects.

    Attributes:
        draw: puts its parts on a `Canvas`.
        size: its length relative to the image's typical object.
        colors: its possible base colours, red, green, blue in 0..1; light and ground change them.
        mark: the colour of its marking.
        material: of its surface.
    """

    draw: Callable[[Canvas, np.random.Generator], None]
    size: float
    colors: tuple[Color, ...]
    mark: Color
    material: Material


# fmt: off
SPECIES = {
    "fish": Species(
        fish, 1.0, mark=(1.0, 0.94, 0.78), material=Material(hover=0.35),
        colors=((0.88, 0.56, 0.2), (0.32, 0.5, 0.66), (0.6, 0.62, 0.36)),
    ),
    "starfish": Species(
        starfish, 0.95, mark=(1.0, 0.86, 0.62), material=Material(bulge=0.18, rough=0.16),
        colors=((0.9, 0.46, 0.2), (0.74, 0.28, 0.38), (0.7, 0.52, 0.26)),
    ),
    "crab": Species(
        crab, 1.0, mark=(1.0, 0.76, 0.5), material=Material(bulge=0.2, hover=0.15),
        colors=((0.82, 0.3, 0.17), (0.54, 0.38, 0.2), (0.6, 0.28, 0.32)),
    ),
    "jellyfish": Species(
        jellyfish, 1.1, mark=(1.0, 0.97, 1.0),
        colors=((0.5, 0.72, 0.9), (0.86, 0.56, 0.78), (0.62, 0.52, 0.86)),
        material=Material(bulge=0.3, rough=0.04, opacity=0.72, hover=0.5),
    ),
    "urchin": Species(
        urchin, 0.85, mark=(0.76, 0.56, 0.8), material=Material(bulge=0.3, rough=0.06, hover=0.2),
        colors=((0.38, 0.24, 0.48), (0.22, 0.2, 0.24), (0.54, 0.22, 0.36)),
    ),
    "snail": Species(
        snail, 0.7, mark=(0.98, 0.86, 0.62), material=Material(bulge=0.35),
        colors=((0.64, 0.41, 0.22), (0.38, 0.41, 0.28), (0.8, 0.65, 0.4)),
    ),
    "seahorse": Species(
        seahorse, 0.85, mark=(1.0, 0.92, 0.62), material=Material(bulge=0.18, rough=0.1),
        colors=((0.92, 0.72, 0.22), (0.78, 0.42, 0.3)),
    ),
    "kelp": Species(
        kelp, 1.5, mark=(0.76, 0.74, 0.26), material=Material(bulge=0.1, hover=0.15),
        colors=((0.4, 0.48, 0.16), (0.56, 0.42, 0.16), (0.22, 0.44, 0.24)),
    ),
    "shell": Species(
        shell, 0.62, mark=(1.0, 0.94, 0.88), material=Material(bulge=0.4),
        colors=((0.94, 0.64, 0.5), (0.9, 0.84, 0.76), (0.72, 0.36, 0.4)),
    ),
}
# fmt: on
