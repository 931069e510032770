from __future__ import annotations

import math

import pytest
import torch

from seglib import boxes
from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet, agreement
from seglib.data.dataset import Instances
from seglib.labels import Classes

CLASSES = Classes.of("background", "crab", "fish")


def test_a_box_is_the_pixels_that_it_touches() -> None:
    image = AnnotatedImage(
        "a", 4, 3, (Annotation("fish", (0.5, 1, 2.25, 3.5)), Annotation("crab", (-1, 0, 1, 1)))
    )
    assert image.boxes().tolist() == [[0, 1, 3, 3], [0, 0, 1, 1]]
    assert image.masks()[0].int().tolist() == [[0, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]]
    assert AnnotatedImage("a", 4, 3).boxes().shape == (0, 4) and AnnotatedImage("a", 4, 3).masks().shape == (
        0,
        3,
        4,
    )


def test_a_polygon_is_filled() -> None:
    square = Annotation.outline("fish", [(1, 1), (3, 1), (3, 3), (1, 3)])
    image = AnnotatedImage("a", 4, 4, (square,))
    assert image.masks()[0].int().tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    objects = image.instances(CLASSES)
    assert objects.classes.tolist() == [2]
    assert (boxes.from_masks(objects.masks) == objects.boxes).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Annotation("fish", (3, 0, 1, 1)),
            r"the box \(3, 0, 1, 1\) of 'fish' has no area or swapped",
        ),
        (
            lambda: Annotation("fish", (0, 0, math.nan, 1)),
            "'fish' has a coordinate that is not a finite number",
        ),
        (lambda: Annotation("fish", (0, 0, 1, 1), (((0, 0), (1, 1)),)), "a polygon of 'fish' has 2 corners"),
        (lambda: Annotation("fish", (0, 0, 1, 1), (), math.inf), "cannot have taken inf seconds"),
        (lambda: AnnotatedImage("a", 0, 3), "a cannot be 0 pixels wide"),
        (
            lambda: AnnotatedImage("a", 4, 3, (Annotation("fish", (0, 0, 9, 1)),)),
            r"corner at \(9, 1\), outside of",
        ),
        (lambda: AnnotationSet(("fish", "fish"), ()), "two classes are called 'fish'"),
        (
            lambda: AnnotationSet((), (AnnotatedImage("a", 1, 1), AnnotatedImage("a", 2, 2))),
            "two images are called 'a'",
        ),
        (
            lambda: AnnotationSet(
                ("crab",), (AnnotatedImage("a", 4, 3, (Annotation("fish", (0, 0, 1, 1)),)),)
            ),
            "a: an object is called 'fish', but the classes are crab",
        ),
        (
            lambda: AnnotatedImage("a", 4, 3, (Annotation("eel", (0, 0, 1, 1)),)).instances(CLASSES),
            "is called 'eel'",
        ),
    ],
)
def test_what_cannot_be_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def drawn(*objects: tuple[int, tuple[int, int, int, int]]) -> Instances:
    names = CLASSES.names
    return AnnotatedImage("a", 10, 10, tuple(Annotation(names[k], box) for k, box in objects)).instances(
        CLASSES
    )


def test_each_drawn_object_is_judged_against_the_one_it_means() -> None:
    truth = drawn((1, (0, 0, 4, 4)), (2, (5, 5, 9, 9)), (2, (0, 8, 2, 10)))
    result = agreement(drawn((1, (5, 5, 9, 7)), (1, (0, 0, 4, 4)), (1, (9, 0, 10, 1))), truth, by="boxes")
    assert result.iou.tolist() == [0.5, 1, 0]
    assert result.match.tolist() == [1, 0, -1]
    assert result.right_class.tolist() == [False, True, False]
    assert result.missed == (2,)
    assert str(result) == "3 drawn: mean IoU 0.50, worst 0.00, 1 with the right class; 1 missed"


def test_two_boxes_on_one_object_do_not_both_count() -> None:
    result = agreement(drawn((1, (0, 0, 4, 4)), (1, (0, 0, 4, 3))), drawn((1, (0, 0, 4, 4))))
    assert result.iou.tolist() == [1, 0]


def test_masks_are_compared_by_pixels() -> None:
    triangle = Annotation.outline("crab", [(0, 0), (8, 0), (0, 8)])
    shape = AnnotatedImage("a", 10, 10, (triangle,)).instances(CLASSES)
    box = drawn((1, (0, 0, 8, 8)))
    by_pixels = shape.masks.sum() / 64
    torch.testing.assert_close(agreement(shape, box).iou, by_pixels[None])
    assert agreement(shape, box, by="boxes").iou.tolist() == [1]


def test_nothing_drawn_and_nothing_there() -> None:
    assert str(agreement(drawn(), drawn((1, (0, 0, 2, 2))))) == "nothing drawn; 1 objects missed"
    result = agreement(drawn((1, (0, 0, 2, 2))), drawn())
    assert result.iou.tolist() == [0] and result.right_class.tolist() == [False]
    with pytest.raises(ValueError, match="by must be 'masks' or 'boxes', not 'pixels'"):
        agreement(drawn(), drawn(), by="pixels")
    with pytest.raises(ValueError, match=r"the drawn masks are \(10, 10\), the true \(4, 4\)"):
        agreement(drawn(), AnnotatedImage("b", 4, 4).instances(CLASSES))
