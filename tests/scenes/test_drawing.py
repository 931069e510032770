"""Pens and light of the built-in images, against sums done by hand."""

import numpy as np
import pytest

from seglib.scenes import Dials
from seglib.scenes.canvas import FINE, Canvas, bezier, ring
from seglib.scenes.creatures import SPECIES
from seglib.scenes.scenes import arrange
from seglib.scenes.surfaces import (
    Lighting,
    Material,
    crooked_cells,
    noise,
    overlap,
    render,
    shade,
    stamp,
    water,
)

LIGHT = np.array([-0.6, 0.0, 0.8], np.float32)
COLORS, PLAIN = np.array([[0.1] * 3, [0.5] * 3, [0.9] * 3]), Material(rough=0, hover=0)


def test_a_slope_towards_the_light_is_brighter() -> None:
    ramp = np.tile(np.arange(8, dtype=np.float32), (8, 1))  # rises to the right, so it faces left
    inner = (slice(1, -1), slice(1, -1))
    assert shade(ramp, LIGHT)[inner] == pytest.approx((1 + 0.6 / 0.8) / np.sqrt(2))
    assert shade(-ramp, LIGHT)[inner] == pytest.approx((1 - 0.6 / 0.8) / np.sqrt(2))
    assert (shade(-4 * ramp, LIGHT)[inner] == 0).all(), "too steep for the light to reach"


@pytest.mark.parametrize(("size", "cell"), [((16, 16), 40.0), (((7, 301)), 3.0), ((240, 160), 25.0)])
def test_noise_has_its_size_and_strength(size: tuple[int, int], cell: float) -> None:
    drawn = [noise(np.random.default_rng(seed), size, cell, 4) for seed in range(60)]
    assert drawn[0].shape == size and drawn[0].dtype == np.float32
    assert abs(np.mean(drawn)) < 0.2 and 0.6 < np.std(drawn) < 1.4
    assert np.array_equal(drawn[3], noise(np.random.default_rng(3), size, cell, 4))


def test_bezier_keeps_its_ends_and_its_polynomial() -> None:
    curve, t = bezier([(0, 0), (0, 3), (3, 3), (3, 0)], 11), np.linspace(0, 1, 11)
    assert curve[[0, -1]].tolist() == [[0, 0], [3, 0]]
    assert curve[:, 0] == pytest.approx(9 * t**2 - 6 * t**3)
    assert curve[:, 1] == pytest.approx(9 * t - 9 * t**2)


def test_a_disc_covers_its_area() -> None:
    canvas = Canvas(40, np.eye(2))
    canvas.part(ring(0.5, 100))
    color, cover = render(np.random.default_rng(0), canvas, COLORS, PLAIN, Lighting(LIGHT, 0))
    assert cover.shape == color.shape[1:] == (len(canvas.sheet) // FINE,) * 2
    assert cover.sum() == pytest.approx(np.pi * 20**2, rel=0.04)


def test_windows_stay_inside_of_the_image() -> None:
    image = np.zeros((3, 10, 20))
    assert overlap(image, -3, 8, 5) == ((slice(8, 10), slice(0, 2)), (slice(0, 2), slice(3, 5)))
    here, there = overlap(image, 50, -40, 5)
    assert image[:, *here].size == np.zeros((5, 5))[there].size == 0


def test_a_stamp_changes_only_its_window_and_its_shadow() -> None:
    image = np.full((3, 60, 60), 0.5, np.float32)
    canvas = Canvas(10, np.eye(2))
    canvas.part(ring(1, 40))
    material, lighting = Material(rough=0, hover=0.4), Lighting(LIGHT, 0.5)
    window, cover = stamp(np.random.default_rng(0), image, canvas, (30, 30), COLORS, material, lighting)
    assert image[:, *window].shape[1:] == cover.shape
    assert (image[:, 30, :16] == 0.5).all() and (image[:, :15] == 0.5).all(), "far away nothing changes"
    assert (image[:, 30, 42] < 0.4).all(), "the light is on the left, so the shadow falls to the right"
    assert (image[:, 30, 17] > 0.49).all()


def test_cells_are_numbered_and_measured_to_their_borders() -> None:
    number, inside = crooked_cells(np.random.default_rng(0), (60, 80), 12, 0.0)
    assert 20 < len(np.unique(number)) <= 60 * 80 // 144
    beside = number[:, 1:] != number[:, :-1]
    assert (np.minimum(inside[:, 1:], inside[:, :-1])[beside] == 0).all() and inside.max() < 24


def test_still_water_is_clear() -> None:
    assert (water(np.random.default_rng(0), (20, 30), 25, 0.0) == 1).all()
    assert water(np.random.default_rng(0), (20, 30), 25, 1.0).shape == (3, 20, 30)


@pytest.mark.parametrize("name", SPECIES)
def test_every_creature_fits_on_its_sheet_and_fills_a_fair_part_of_it(name: str) -> None:
    for seed in range(8):
        canvas = Canvas(30, np.eye(2))
        SPECIES[name].draw(canvas, np.random.default_rng(seed))
        solid = canvas.sheet[..., 0]
        rows, columns = np.nonzero(solid)
        assert 0.05 < (solid > 0).mean() < 0.65
        assert max(np.ptp(rows), np.ptp(columns)) > 30 * FINE, "at least half of the length it was given"


def test_frequency_and_count_rule_the_layout() -> None:
    rng = np.random.default_rng(0)
    dials = Dials(count=(1, 4), frequency=0.25)
    items = [item for _ in range(400) for item in arrange(rng, (50, 90), dials)]
    assert len(items) / 400 == pytest.approx(2.5, abs=0.15)
    assert all(0 <= item.x < 90 and 0 <= item.y < 50 for item in items)
    rare = 1 + list(SPECIES).index("seahorse")
    counts = np.bincount([item.label for item in items], minlength=10)[1:]
    assert 0 < counts[rare - 1] < 0.5 * np.delete(counts, rare - 1).min()
