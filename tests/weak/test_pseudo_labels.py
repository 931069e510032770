"""Labels of a data set: kept, gone on with, measured; and every kind of wrong box."""

from __future__ import annotations

import os
import pickle
from functools import partial
from pathlib import Path

import joblib
import pytest
import torch

from seglib.data.annotations import AnnotatedImage, Annotation, AnnotationSet
from seglib.data.catalog import load
from seglib.labels import VOID, Classes
from seglib.metrics import confusion_matrix, mean_iou
from seglib.scenes import Scenes
from seglib.weak.boxes import BoxAnnotations, BoxError, load_boxes
from seglib.weak.labels import PseudoLabels, compare, quality
from seglib.weak.schemes import SCHEMES, _label, pseudo_labels, rectangles
from tests.weak.samples import Discs, TwoRegions
from tests.weak.test_noise import Objects

NOTHING = BoxAnnotations(torch.zeros(0, 4).long(), torch.zeros(0).long())


def files(home: Path) -> list[Path]:
    return sorted((home / "cache" / "labels").rglob("*.png"))


def masks(labels: PseudoLabels) -> list[list]:
    return [labels.mask(index).tolist() for index in range(len(labels))]


def counted(image, boxes, classes, *, path: str = "", background: int = 0):
    """Rectangles that note in a file that they were made."""
    with Path(path).open("a") as file:
        file.write("x")
    return rectangles(image, boxes, classes, background=background)


def broken(image, boxes, classes, *, background: int = 0):
    """A scheme that fails at the second image."""
    if len(boxes) and boxes[0, 0] < 14:
        raise ValueError("stopped here")
    return rectangles(image, boxes, classes, background=background)


def test_labels_are_made_once_and_found_by_content(home, tmp_path):
    os.environ.pop("SEGLIB_CACHE", None)
    note = str(tmp_path / "made")
    first = pseudo_labels(Discs(), counted, path=note)
    again = pseudo_labels(Discs(), counted, path=note)
    assert Path(note).read_text() == "xxxx" and masks(first) == masks(again)
    pseudo_labels(Discs().subset([1]), counted, path=note)  # the same image elsewhere
    moved = [BoxAnnotations(one.boxes.clamp(max=20), one.classes) for one in load_boxes(Discs())]
    pseudo_labels(Discs(), counted, boxes=moved, path=note)  # other boxes, but in the image without
    assert Path(note).read_text() == "x" * 7


def test_what_was_made_before_a_failure_is_kept(home):
    with pytest.raises(ValueError, match="stopped here"):
        pseudo_labels(Discs(), broken)
    assert len(files(home)) == 1


def test_a_damaged_file_is_made_again(home):
    first = masks(pseudo_labels(Discs(), "grabcut+"))
    for path in files(home):
        path.write_bytes(path.read_bytes()[:20])
    assert masks(pseudo_labels(Discs(), "grabcut+")) == first
    assert all(path.stat().st_size > 20 for path in files(home))


def test_two_workers_make_the_same_labels(home, monkeypatch):
    alone = masks(pseudo_labels(Discs(), "grabcut+", jobs=1))
    monkeypatch.setenv("SEGLIB_CACHE", str(home / "other"))
    with joblib.parallel_config(backend="threading"):  # processes take a minute to start on a busy core
        assert masks(pseudo_labels(Discs(), "grabcut+", jobs=2)) == alone


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_the_work_can_be_sent_to_another_process(scheme):
    task = pickle.loads(pickle.dumps((_label, partial(scheme, background=0))))
    assert task[1].func is scheme


def test_a_function_without_a_source_is_not_kept(home):
    pseudo_labels(Discs(), "boxsup", propose=lambda image: TwoRegions(image))
    labels = pseudo_labels(Discs(), "boxsup", propose=TwoRegions)
    assert labels.name == "discs, boxsup" and labels[0][1].max() == 1


def test_quality_is_the_confusion_matrix_of_labels_and_truth(home):
    scenes = Scenes(length=3)
    found = quality(pseudo_labels(scenes, "rectangles"))
    cm = sum(
        confusion_matrix(pseudo_labels(scenes, "rectangles").mask(i), scenes[i][1], len(scenes.classes))
        for i in range(3)
    )
    assert found.filled.mean_iou == mean_iou(cm) and found.ignored == 0
    assert torch.equal(found.labelled.confusion, found.filled.confusion)


def test_quality_of_the_truth_is_perfect_and_ignored_pixels_are_counted():
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


def test_ignored_everywhere_is_background():
    discs = Discs(1)
    found = quality(
        PseudoLabels(discs, [NOTHING], [torch.full((40, 40), VOID, dtype=torch.uint8)], name="none")
    )
    assert found.ignored == 1 and found.filled.pixel_accuracy == 1  # the last disc is never there


def test_pieces_of_a_class_are_objects():
    photo = load("photo")
    name = photo.classes.names[int(photo.instances(0).classes[0])]
    things = Objects(photo, [name])
    objects, mask = things.instances(0), things[0][1].as_subclass(torch.Tensor)
    assert torch.equal(objects.masks.any(0), mask == 1) and (objects.masks.flatten(1).sum(1) >= 50).all()


WRONG = {
    "outside": ([[30, 5, 41, 9]], [1], r"discs train, image disc1, box 0, \(30, 5, 41, 9\): it leaves"),
    "no area": (
        [[3, 3, 9, 9], [5, 5, 5, 9]],
        [1, 1],
        r"image disc1, box 1, \(5, 5, 5, 9\): it has no area",
    ),
    "reversed": ([[9, 9, 5, 5]], [1], r"image disc1, box 0, \(9, 9, 5, 5\): its corners are swapped"),
    "no class": ([[3, 3, 9, 9]], [7], r"box 0, \(3, 3, 9, 9\): there is no class 7; the classes are 0..2"),
    "background": ([[3, 3, 9, 9]], [0], r"box 0, \(3, 3, 9, 9\): a box of the background"),
    "one short": ([[3, 3, 9, 9]], [], r"image disc1: 1 boxes and \(0,\) torch.int64 classes"),
    "fractions": ([[3.5, 3, 9, 9]], [1], r"image disc1: boxes must be \(M, 4\) whole numbers"),
}


@pytest.mark.parametrize(("boxes", "classes", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_box_is_named_with_its_image(boxes, classes, said):
    wrong = BoxAnnotations(torch.tensor(boxes), torch.tensor(classes, dtype=torch.int64))
    with pytest.raises(BoxError, match=said):
        pseudo_labels(Discs(2), "rectangles", boxes=[NOTHING, wrong])


@pytest.mark.parametrize(
    "wrong",
    [
        BoxAnnotations([[3, 3, 9, 9]], [1]),
        (torch.tensor([[3, 3, 9, 9]]), torch.tensor([1])),
        torch.tensor([[3, 3, 9, 9]]),
    ],
    ids=["lists", "a pair", "boxes alone"],
)
def test_what_is_no_given_is_named_with_its_image(wrong):
    with pytest.raises(
        BoxError, match=r"image disc1: its boxes must be a BoxAnnotations\(boxes, classes\) of two"
    ):
        pseudo_labels(Discs(2), "rectangles", boxes=[NOTHING, wrong])


def test_a_class_of_a_box_is_a_whole_number():
    half = BoxAnnotations(torch.tensor([[3, 3, 9, 9]]), torch.tensor([1.5]))
    with pytest.raises(
        BoxError, match=r"1 boxes and \(1,\) torch.float32 classes; each box needs one, a whole"
    ):
        pseudo_labels(Discs(1), "rectangles", boxes=[half])


class Odd(Discs):
    """Images that are something else."""

    def __init__(self, spoil):
        super().__init__(2)
        self.spoil = spoil

    def __getitem__(self, index):
        image, mask = super().__getitem__(index)
        return self.spoil(image), mask


@pytest.mark.parametrize("scheme", ["rectangles", "grabcut+", "m-and-g+"])
@pytest.mark.parametrize("spoil", [lambda image: image / 255, lambda image: image[:1]], ids=["float", "grey"])
def test_a_image_that_is_something_else_is_named(scheme, spoil):
    settings = {"propose": TwoRegions} if scheme == "m-and-g+" else {}
    with pytest.raises(
        ValueError, match=r"discs train, image disc0: it is \(\d, 40, 40\) torch.*must be \(3"
    ):
        pseudo_labels(Odd(spoil), scheme, jobs=1, **settings)


def entry(name: str, label: str = "disc", width: int = 40) -> AnnotatedImage:
    return AnnotatedImage(name, width, 40, (Annotation(label, (3, 4, 20, 21)),))


ENTRIES = {
    "no boxes": ([entry("disc0.jpg")], r"discs train: 1 images have no boxes \(disc1\)"),
    "no image": (
        [entry("disc0.jpg"), entry("disc1.jpg"), entry("disk7.jpg")],
        r"boxes of 1 images that are not in the data set \(disk7.jpg\)",
    ),
    "class": (
        [entry("disc0.jpg"), entry("disc1.jpg", "dish")],
        r"disc1.jpg, box 0, .* no class is called 'dish'",
    ),
    "size": (
        [entry("disc0.jpg"), entry("disc1.jpg", width=80)],
        r"disc1.jpg: its boxes were drawn on 80 x 40",
    ),
}


@pytest.mark.parametrize(("entries", "said"), ENTRIES.values(), ids=ENTRIES)
def test_annotations_that_do_not_fit_are_named(entries, said):
    names = ("disc", "ring", "dish")
    with pytest.raises(BoxError, match=said):
        load_boxes(Discs(2), AnnotationSet(names, tuple(entries)))


def test_annotations_that_fit_are_taken():
    entries = (entry("disc1.jpg"), AnnotatedImage("sub/disc0.jpg", 40, 40))
    found = load_boxes(Discs(2), AnnotationSet(("disc",), entries))
    assert found[0].boxes.shape == (0, 4) and found[1].boxes.tolist() == [[3, 4, 20, 21]]
    assert found[1].classes.tolist() == [1]


def test_other_wrong_input_is_said():
    with pytest.raises(BoxError, match="has 2 images, but boxes of 1 came"):
        pseudo_labels(Discs(2), "rectangles", boxes=[NOTHING])
    with pytest.raises(ValueError, match="there is no scheme 'grabcut'; there are rectangles"):
        pseudo_labels(Discs(2), "grabcut")
    with pytest.raises(ValueError, match="rectangles has no setting 'seed'"):
        pseudo_labels(Discs(2), "rectangles", seed=1)
    with pytest.raises(ValueError, match="boxsup needs the setting 'propose'"):
        pseudo_labels(Discs(2), "boxsup")
    blind = Discs(2)
    blind.classes = Classes.of("sea", "disc", "ring")
    with pytest.raises(BoxError, match="no class is called background"):
        pseudo_labels(blind, "rectangles")


def test_a_training_afterwards_has_its_threads_back(home):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        pseudo_labels(Discs(), "rectangles", jobs=1)
        assert torch.get_num_threads() == 2
        with pytest.raises(ValueError, match="stopped here"):
            _label(
                broken, Discs()[0][0], BoxAnnotations(torch.tensor([[0, 0, 4, 4]]), torch.tensor([1])), None
            )
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
