"""What lives in the tide pool: one short function for each class draws its parts on a `Canvas`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seglib.data.sprites import Canvas, bezier, ring


def fish(canvas: Canvas, rng: np.random.Generator) -> None:
    """A side view: forked tail, fins, bands or spots, an eye."""
    depth, fork = rng.uniform(0.27, 0.42), rng.uniform(0.3, 0.42)
    along = np.linspace(0, 1, 24)
    x, y = 0.92 - 1.45 * along, depth * np.sin(np.pi * along**0.72) ** 0.85 + 0.06 * along
    canvas.part(np.array([(-0.45, 0), (-0.95, -fork), (-0.78, 0), (-0.95, fork)]), 0.5)
    canvas.part(bezier([(0.45, -depth * 0.6), (0.1, -depth * 2.1), (-0.35, -depth * 1.5), (-0.35, 0)]), 0.5)
    canvas.part(bezier([(0.15, depth * 0.7), (-0.1, depth * 1.9), (-0.4, depth * 1.4), (-0.3, 0)]), 0.5)
    canvas.part(np.concatenate([np.stack([x, -y], 1), np.stack([x, y], 1)[::-1]]))
    pattern = rng.integers(3)
    for at in np.linspace(-0.3, 0.45, rng.integers(3, 6)) if pattern == 0 else ():
        reach = 0.8 * np.interp(at, x[::-1], y[::-1])
        canvas.line(bezier([(at, -reach), (at - 0.12, 0), (at, reach)], 14), 0.05, 0.05, 1)
    for _ in range(14 if pattern == 1 else 0):
        at = rng.uniform(-0.4, 0.5)
        canvas.dot(at, rng.uniform(-0.7, 0.5) * np.interp(at, x[::-1], y[::-1]), 0.05, 1)
    if pattern == 2:
        canvas.line(bezier([(0.5, 0.02), (0, -0.1), (-0.5, 0)]), 0.07, 0.03, 1)
    canvas.part(bezier([(0.3, 0.06), (0.0, 0.3), (-0.1, 0.22), (0.25, -0.02)], 12), 0.6)
    canvas.line(
        bezier([(0.52, -depth * 0.7), (0.4, 0), (0.5, depth * 0.7)], 12), 0.015, 0.015, -0.4, crease=True
    )
    canvas.dot(0.68, -0.08, 0.085, 1)
    canvas.dot(0.69, -0.08, 0.05, -1)


def crab(canvas: Canvas, rng: np.random.Generator) -> None:
    """From above: a broad shell, eight bent thin legs, two claws."""
    for side in (-1, 1):
        for leg in range(4):
            hip, wide = 0.15 - 0.14 * leg, rng.uniform(0.85, 1.0)
            ahead = 0.32 - 0.3 * leg + rng.uniform(-0.06, 0.06)
            joints = [(hip, side * 0.35), (hip + ahead * 0.4, side * 0.75), (hip + ahead * 1.5, side * wide)]
            canvas.stroke(bezier([joints[0], joints[1]], 14), 0.075, 0.05, -0.15)
            canvas.stroke(bezier([joints[1], joints[2]], 12), 0.05, 0.015, 0.15)
        bend = rng.uniform(-0.08, 0.08)
        canvas.stroke(bezier([(0.22, side * 0.38), (0.4, side * 0.75), (0.62, side * 0.55)], 16), 0.08, 0.09)
        palm = np.array([0.7, side * (0.42 + bend)])
        canvas.part(ring(1, 24, (0.2, 0.14)) + palm, 0.1)
        for spread in (-0.1, 0.1):
            tip = [(palm[0] + 0.1, palm[1] + spread), (palm[0] + 0.26, palm[1] + spread * 1.5)]
            canvas.stroke(bezier([*tip, (palm[0] + 0.34, palm[1] + spread * 0.3)], 10), 0.06, 0.015, 0.4)
        canvas.stroke(np.array([(0.34, side * 0.12), (0.43, side * 0.14)]), 0.04, 0.05, -0.9)
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    shell = np.stack([0.36 * np.cos(angle), 0.52 * np.sin(angle) * (1 + 0.18 * np.cos(angle))], 1)
    canvas.part(shell)
    for side in (-1, 1):
        canvas.line(
            bezier([(0.2, side * 0.14), (0.0, side * 0.3), (-0.2, side * 0.12)], 14), 0.015, 0.015, -0.5, True
        )
        for _ in range(7):
            canvas.dot(
                rng.uniform(-0.25, 0.25), side * rng.uniform(0.03, 0.38), rng.uniform(0.02, 0.045), 0.9
            )


def starfish(canvas: Canvas, rng: np.random.Generator) -> None:
    """Five tapering, slightly bent arms with rows of knobs."""
    thick, turn = rng.uniform(0.17, 0.24), rng.uniform(0, 2 * np.pi)
    arms = []
    for angle in turn + np.arange(5) * 2 * np.pi / 5 + rng.normal(0, 0.08, 5):
        bend, reach = rng.normal(0, 0.22), rng.uniform(0.82, 1.0)
        middle, tip = angle + bend * 0.3, angle + bend
        arms.append(
            bezier(
                [
                    (0, 0),
                    (0.5 * np.cos(middle), 0.5 * np.sin(middle)),
                    (reach * np.cos(tip), reach * np.sin(tip)),
                ]
            )
        )
    for arm in arms:  # creases would cut the arms off the middle: solid first, then one surface
        canvas.stroke(arm, thick * 1.35, thick * 0.3)
    canvas.inner[:] = canvas.solid
    for arm in arms:
        across = np.gradient(arm, axis=0) @ np.array([[0.0, 1.0], [-1.0, 0.0]])
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        for step in range(3, 23, 3):
            canvas.dot(*arm[step], 0.035, 1)
            for side in (-1, 1):
                x, y = arm[step] + side * across[step] * thick * (1 - step / 26)
                canvas.dot(x, y, 0.022, 0.7)


def urchin(canvas: Canvas, rng: np.random.Generator) -> None:
    """A ball under a crown of needles."""
    count = int(rng.integers(55, 75))
    angle = rng.uniform(0, 2 * np.pi, count)
    way = np.stack([np.cos(angle), np.sin(angle)], 1)
    lean, reach = rng.normal(0, 0.06, (count, 2)), rng.uniform(0.75, 1.0, (count, 1))
    for part in range(3):
        canvas.spines(
            way[part::3] * 0.3, way[part::3] * reach[part::3] + lean[part::3], (-0.4, 0.0, 0.5)[part]
        )
    canvas.part(ring(0.42 + rng.normal(0, 0.01, 40), 40), -0.2)
    inner = rng.normal(0, 0.17, (40, 2))
    canvas.spines(inner, inner * 2.3, 0.3)
    for x, y in ring(0.22, 10) @ canvas.turn:
        canvas.dot(x, y, 0.03, 0.8)


def jellyfish(canvas: Canvas, rng: np.random.Generator) -> None:
    """A clear bell with ribs and a bright rim, trailing thin tentacles and frilled arms."""
    for y in np.linspace(-0.38, 0.38, int(rng.integers(6, 9))):
        wave, reach = rng.normal(0, 0.14, 3), rng.uniform(-0.98, -0.55)
        bends = [(0.15, y), (-0.2, y * 1.2 + wave[0]), (-0.5, y + wave[1]), (reach, y * 1.3 + wave[2])]
        canvas.stroke(bezier(bends, 40), 0.022, 0.012, 0.35)
    for y in (-0.1, 0.1):
        wave = rng.normal(0, 0.12, 2)
        canvas.stroke(bezier([(0.2, y), (-0.25, y * 2 + wave[0]), (-0.55, y + wave[1])], 30), 0.09, 0.03, 0.6)
    angle = np.linspace(-np.pi / 2, np.pi / 2, 30)
    dome = np.stack([0.1 + 0.72 * np.cos(angle), 0.56 * np.sin(angle)], 1)
    rim_y = np.linspace(0.56, -0.56, 36)
    rim = np.stack([0.07 - 0.06 * np.abs(np.sin(rim_y * 11)), rim_y], 1)
    canvas.part(np.concatenate([dome, rim]))
    for y in np.linspace(-0.42, 0.42, 7):
        canvas.line(bezier([(0.12, y), (0.45, y * 0.9), (0.7, y * 0.35)], 14), 0.012, 0.02, 0.7)
    canvas.line(rim, 0.03, 0.03, 0.9)
    canvas.line(dome, 0.025, 0.025, 0.6)
    for y in (-0.16, 0.16):
        canvas.line(ring(0.1, 16, (1.3, 1)) + np.array([0.42, y]), 0.03, 0.03, 1)


def shell(canvas: Canvas, rng: np.random.Generator) -> None:
    """A scallop: a fan of ribs, growth bands, two ears at the hinge."""
    canvas.part(np.array([(-0.86, -0.34), (-0.6, -0.3), (-0.6, 0.3), (-0.86, 0.34)]), 0.3)
    spread, ribs = rng.uniform(1.0, 1.2), int(rng.integers(8, 12))
    angle = np.linspace(-spread, spread, 80)
    edge = 1.62 - 0.28 * (angle / spread) ** 4 + 0.035 * np.cos(angle / spread * np.pi * ribs)
    way = np.stack([np.cos(angle), np.sin(angle) * 0.95], 1)
    hinge = np.array([-0.8, 0.0])
    canvas.part(np.concatenate([[hinge], hinge + way * edge[:, None]]))
    for band in rng.uniform(0.35, 0.95, 4):
        canvas.line(hinge + way * edge[:, None] * band, 0.03, 0.03, rng.uniform(-0.5, 0.9))
    for rib in np.linspace(-spread, spread, ribs + 1)[1:-1]:
        groove = np.stack(
            [np.cos(rib) * np.linspace(0.25, 1.5, 24), 0.95 * np.sin(rib) * np.linspace(0.25, 1.5, 24)], 1
        )
        canvas.line(hinge + groove, 0.01, 0.018, -0.55, crease=True)


def snail(canvas: Canvas, rng: np.random.Generator) -> None:
    """A coiled shell on a soft foot with two feelers."""
    sway = rng.uniform(-0.1, 0.1)
    for y in (-0.16, 0.1):
        canvas.stroke(bezier([(0.7, 0.35 + y / 2), (0.9, 0.3 + y * 1.3 + sway)], 8), 0.035, 0.025, 0.4)
    canvas.stroke(bezier([(-0.85, 0.5), (0, 0.62), (0.5, 0.55), (0.78, 0.36)], 30), 0.1, 0.15, 0.55)
    canvas.part(ring(0.64 + 0.05 * np.cos(np.linspace(0, 2 * np.pi, 60)), 60) + np.array([-0.1, 0]))
    turns = np.linspace(0.35, 1, 90)
    coil = np.stack([np.cos(turns * 15), np.sin(turns * 15)], 1) * (0.64 * turns[:, None] ** 2.2)
    canvas.line(coil + np.array([-0.1, 0]), 0.01, 0.045, -0.8, crease=True)
    for at in range(8, 88, 6):
        x, y = coil[at] * 0.84 + np.array([-0.1, 0])
        canvas.dot(x, y, 0.06 * turns[at], 0.9)


def kelp(canvas: Canvas, rng: np.random.Generator) -> None:
    """A long wavy stem with narrow leaves on both sides and small floats."""
    wave = rng.normal(0, 0.42, 3)
    stem = bezier([(-1, 0), (-0.5, wave[0]), (0, wave[1]), (0.5, wave[2]), (1, 0)], 60)
    canvas.stroke(stem, 0.03, 0.018, -0.4)
    for leaf, at in enumerate(range(4, 58, int(rng.integers(5, 8)))):
        side, length = 1 if leaf % 2 else -1, rng.uniform(0.2, 0.36)
        ahead = stem[min(at + 1, 59)] - stem[at - 1]
        ahead = ahead / np.linalg.norm(ahead)
        across = np.array([-ahead[1], ahead[0]]) * side
        root, tip = stem[at], stem[at] + ahead * length * 0.9 + across * length * rng.uniform(0.5, 1.0)
        bulge, other = root + across * length * 0.75, root + ahead * length * 0.7
        blade = np.concatenate(
            [
                bezier([tuple(root), tuple(bulge), tuple(tip)], 10),
                bezier([tuple(tip), tuple(other), tuple(root)], 10),
            ]
        )
        canvas.part(blade, rng.uniform(-0.2, 0.5))
        canvas.stroke((root + across * 0.03)[None], 0.035, 0.035, 0.6)


def seahorse(canvas: Canvas, rng: np.random.Generator) -> None:
    """A crowned head with a snout, a round belly, a curled tail."""
    angle = np.linspace(0, rng.uniform(4.5, 5.6), 34)
    curl = np.stack(
        [
            -0.62 + 0.22 * np.cos(angle + 1.4) * (1 - angle / 9),
            0.12 - 0.22 * np.sin(angle + 1.4) * (1 - angle / 9),
        ],
        1,
    )
    fin = np.array([(0.12, -0.2), (0.1, -0.46), (-0.04, -0.5), (-0.16, -0.4), (-0.14, -0.16)])
    canvas.part(fin, 0.7)
    canvas.stroke(
        np.concatenate([bezier([(-0.1, -0.02), (-0.35, -0.16), tuple(curl[0])], 20), curl]), 0.15, 0.03
    )
    canvas.stroke(bezier([(0.55, -0.05), (0.25, -0.2), (0.05, 0.2), (-0.12, -0.02)], 30), 0.13, 0.16)
    canvas.part(ring(1, 30, (0.27, 0.2)) + np.array([0.08, 0.03]), 0.15)
    canvas.stroke(bezier([(0.66, 0.08), (0.62, 0.3), (0.52, 0.47)], 14), 0.085, 0.06, 0.2)
    canvas.part(ring(1, 30, (0.17, 0.16)) + np.array([0.68, 0.02]))
    for y in (-0.16, -0.06, 0.04):
        canvas.stroke(np.array([(0.8, y), (0.93, y - 0.04)]), 0.04, 0.015, 0.5)
    for x in np.linspace(-0.12, 0.3, 6):
        canvas.line(bezier([(x, -0.12), (x + 0.05, 0.05), (x, 0.2)], 10), 0.012, 0.012, -0.5, crease=True)
    canvas.dot(0.69, 0.07, 0.055, 1)
    canvas.dot(0.69, 0.07, 0.03, -1)


@dataclass(frozen=True)
class Creature:
    """One class: who draws it, how large it is beside the others, how it looks.

    Attributes:
        draw: draws its parts on a `Canvas`.
        size: its length, where 1 is the picture's usual object.
        colors: its possible base colours, red, green, blue in 0..1; the light and the ground change them.
        mark: the colour of its marking.
        bulge, rough, opacity, hover: see `sprites.Look`.
    """

    draw: Callable[[Canvas, np.random.Generator], None]
    size: float
    colors: tuple[tuple[float, float, float], ...]
    mark: tuple[float, float, float]
    bulge: float = 0.25
    rough: float = 0.12
    opacity: float = 1.0
    hover: float = 0.08


CREATURES: dict[str, Creature] = {
    "fish": Creature(
        fish, 1.0, ((0.75, 0.5, 0.25), (0.4, 0.5, 0.55), (0.6, 0.6, 0.35)), (0.92, 0.86, 0.66), hover=0.35
    ),
    "crab": Creature(
        crab, 1.0, ((0.7, 0.3, 0.18), (0.45, 0.38, 0.25), (0.5, 0.3, 0.3)), (0.92, 0.7, 0.45), 0.2, hover=0.15
    ),
    "starfish": Creature(
        starfish, 1.0, ((0.8, 0.42, 0.2), (0.6, 0.28, 0.32), (0.62, 0.5, 0.3)), (0.95, 0.8, 0.58), 0.18, 0.16
    ),
    "urchin": Creature(
        urchin,
        0.85,
        ((0.3, 0.2, 0.34), (0.25, 0.26, 0.22), (0.45, 0.25, 0.3)),
        (0.66, 0.52, 0.66),
        0.3,
        0.06,
        hover=0.2,
    ),
    "jellyfish": Creature(
        jellyfish, 1.15, ((0.62, 0.72, 0.78), (0.75, 0.62, 0.72)), (0.96, 0.94, 0.96), 0.3, 0.04, 0.62, 0.5
    ),
    "shell": Creature(
        shell, 0.6, ((0.8, 0.62, 0.52), (0.72, 0.66, 0.58), (0.6, 0.42, 0.4)), (0.95, 0.88, 0.8), 0.4
    ),
    "snail": Creature(
        snail, 0.65, ((0.55, 0.4, 0.26), (0.42, 0.42, 0.36), (0.66, 0.55, 0.38)), (0.85, 0.75, 0.58), 0.4
    ),
    "kelp": Creature(
        kelp,
        1.5,
        ((0.36, 0.38, 0.16), (0.45, 0.36, 0.18), (0.26, 0.4, 0.22)),
        (0.66, 0.62, 0.3),
        0.1,
        hover=0.15,
    ),
    "seahorse": Creature(
        seahorse, 0.85, ((0.85, 0.65, 0.25), (0.62, 0.42, 0.3)), (0.97, 0.85, 0.55), 0.18, 0.1
    ),
}
