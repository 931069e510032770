"""Boxes that are given, drawn, or wrong."""

import torch

from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet
from seglib.weak.boxes import BoxAnnotations, BoxError, load_boxes
from seglib.weak.schemes import pseudo_labels
from tests.refused import refused
from tests.weak.samples import NOTHING, Blobs, Discs, one_box


def given(boxes, classes) -> BoxAnnotations:
    return BoxAnnotations(torch.tensor(boxes), torch.tensor(classes) if classes else NOTHING.classes)


test_a_wrong_box_is_named_with_its_image = refused(
    lambda wrong: pseudo_labels(Discs(2), "rectangles", boxes=[NOTHING, wrong]),
    (given([[30, 5, 41, 9]], [1]), r"discs train, image disc1.*box 0, \(30, 5, 41, 9\), leaves"),
    (
        given([[3, 3, 9, 9], [5, 5, 5, 9]], [1, 1]),
        r"discs train, image disc1.*box 1, \(5, 5, 5, 9\), has no area",
    ),
    (given([[9, 9, 5, 5]], [1]), r"discs train, image disc1.*box 0, \(9, 9, 5, 5\), .* swapped corners"),
    (given([[3, 3, 9, 9]], [7]), r"discs train, image disc1.*box 0: its class 7 must be .* 0\.\.2"),
    (given([[3, 3, 9, 9]], [0]), r"discs train, image disc1.*box 0: its class 0 .* background"),
    (given([[3, 3, 9, 9]], []), r"discs train, image disc1.*1 boxes and \(0,\) torch.int64 classes"),
    (given([[3.5, 3, 9, 9]], [1]), r"discs train, image disc1.*boxes must be whole numbers"),
    (given([[3, 3, 9, 9]], [1.5]), r"discs train, image disc1.*1 boxes and \(1,\) torch.float32 classes"),
    (BoxAnnotations([[3, 3, 9, 9]], [1]), r"discs train, image disc1.*pass BoxAnnotations"),
    ((torch.tensor([[3, 3, 9, 9]]), torch.tensor([1])), r"discs train, image disc1.*pass BoxAnnotations"),
    (torch.tensor([[3, 3, 9, 9]]), r"discs train, image disc1.*pass BoxAnnotations"),
    error=BoxError,
)


def entry(name: str, label: str = "disc", width: int = 40) -> AnnotatedImage:
    return AnnotatedImage(name, width, 40, (Annotation(label, (3, 4, 20, 21)),))


FIRST, SECOND = entry("disc0.jpg"), entry("disc1.jpg")
test_annotations_that_do_not_fit_are_named = refused(
    lambda *entries: load_boxes(Discs(2), AnnotationSet(("disc", "ring", "dish"), entries)),
    (FIRST, r"1 images have no boxes \(disc1\)"),
    (FIRST, SECOND, entry("disk7.jpg"), r"1 entries .* not in the data set \(disk7.jpg\)"),
    (FIRST, entry("disc1.jpg", "dish"), r"disc1.jpg, box 0, .* no class is called 'dish'"),
    (FIRST, entry("disc1.jpg", width=80), r"disc1.jpg: .* drawn on 80 x 40"),
    error=BoxError,
)


def test_annotations_are_matched_by_stem():
    entries = (SECOND, AnnotatedImage("sub/disc0.jpg", 40, 40))
    found = load_boxes(Discs(2), AnnotationSet(("disc",), entries))
    assert found[0].boxes.shape == (0, 4) and found[1].boxes.tolist() == [[3, 4, 20, 21]]
    assert found[1].classes.tolist() == [1]


test_a_data_set_must_know_boxes_and_background = refused(
    lambda data, boxes: pseudo_labels(data, "rectangles", boxes=boxes),
    (Blobs(boxed=False), None, "blobs train, image 0: this data set has no instances"),
    (Discs(2), [one_box(1, 1, 3, 3)], "has 2 images, but boxes for 1"),
    (Discs(2).named("sea", "disc", "ring"), None, r"named .background.* sea, disc, ring"),
    error=BoxError,
)
