"""How good pseudo-labels are."""

import torch

from seglib.labels import VOID
from seglib.metrics import confusion_matrix, mean_iou
from seglib.scenes import Scenes
from seglib.weak.boxes import load_boxes
from seglib.weak.labels import PseudoLabels, compare, quality
from seglib.weak.schemes import pseudo_labels
from tests.weak.samples import NOTHING, Discs


def test_quality_is_the_confusion_matrix_of_masks_and_truth():
    scenes = Scenes(length=3)
    labels = pseudo_labels(scenes, "rectangles")
    found = quality(labels)
    cm = sum(confusion_matrix(labels.mask(i), scenes[i][1], len(scenes.classes)) for i in range(3))
    assert found.filled.mean_iou == mean_iou(cm) and found.ignored == 0
    assert torch.equal(found.labelled.confusion, found.filled.confusion)


def test_the_truth_is_perfect_and_ignored_pixels_are_counted_and_a_subset_is_one():
    discs = Discs(3)
    truth = [discs[index][1] for index in range(3)]
    perfect = quality(PseudoLabels(discs, load_boxes(discs), truth, name="truth"))
    assert perfect.filled.mean_iou == perfect.filled.mean_boundary_iou == 1
    half = [mask.clone() for mask in truth]
    for mask in half:
        mask[:, :20] = VOID
    found = quality(PseudoLabels(discs, load_boxes(discs), half, name="half"))
    assert found.ignored == 0.5 and found.labelled.mean_iou == 1 and found.filled.mean_iou < 1
    assert "half" in str(compare({"half": found})) and "all background" in str(found)
    assert "<table" in found._repr_html_()
    ignored = torch.full((40, 40), VOID, dtype=torch.uint8)  # everywhere: it is background
    found = quality(PseudoLabels(Discs(1), [NOTHING], [ignored], name="none"))
    assert found.ignored == 1 and found.filled.pixel_accuracy == 1  # the last disc is never there
    labels = pseudo_labels(Discs(5), "rectangles")
    some = labels.spread(3)  # keeps masks and boxes together
    assert [some.sample_id(i) for i in range(3)] == ["disc0", "disc2", "disc4"]
    assert torch.equal(some.mask(1), labels.mask(2)) and some.boxes[1] is labels.boxes[2]
