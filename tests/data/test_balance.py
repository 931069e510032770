"""Counting by hand and against a slow loop, what is kept of it, and class weights from it."""

import importlib
import math
import os
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from sklearn.utils.class_weight import compute_class_weight
from torch.testing import assert_close

from seglib.data.balance import Counts, count, effective_number, enet, inverse_frequency, median_frequency
from seglib.data.catalog import load
from seglib.data.dataset import Instances
from seglib.data.files import FileDataset
from seglib.data.photographs import Photo
from seglib.labels import Classes
from seglib.scenes import Dials, Scenes
from tests.data.conftest import InMemory
from tests.data.strangers import write

FIRST = torch.tensor([[0, 0, 1, 255], [0, 0, 1, 255], [0, 0, 0, 0]], dtype=torch.uint8)
SECOND = torch.tensor([[0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 1, 1]], dtype=torch.uint8)
NAMES = ("sea", "fish", "weed")


@pytest.fixture(autouse=True)
def forgetful(home):
    """Every test begins with nothing remembered."""


@pytest.fixture
def pair():
    return InMemory(NAMES, [FIRST, SECOND])


def slow(dataset):
    """(N, K + 1): what counting must come to, pixel by pixel."""
    labels = [*range(len(dataset.classes)), 255]
    return torch.tensor([[int((mask == k).sum()) for k in labels] for _, mask in dataset])


def slow_objects(dataset):
    """(N, K)."""
    known = [dataset.instances(i).classes for i in range(len(dataset))]
    return torch.stack([torch.bincount(classes, minlength=len(dataset.classes)) for classes in known])


def watch(monkeypatch):
    """The numbers of the samples that are really counted."""
    counted, real = [], FileDataset.count_mask
    monkeypatch.setattr(FileDataset, "count_mask", lambda data, i: counted.append(i) or real(data, i))
    return counted


def masks(number):
    """Different masks."""
    rng = np.random.default_rng(0)
    return [rng.choice([0, 1, 2, 255], (7, 9)) for _ in range(number)]


def test_by_hand(pair):
    counts = count(pair)
    assert counts.pixels.tolist() == [[8, 2, 0, 2], [6, 2, 4, 0]]
    assert counts.total().tolist() == [14, 4, 4]
    assert counts.total("images").tolist() == [2, 2, 1]
    assert counts.shares().tolist() == [14 / 22, 4 / 22, 4 / 22]
    assert counts.void == 2 / 24
    assert counts.pixels_around.tolist() == [22, 22, 12]  # weed is in the second image only; void is out
    assert counts.subset([1, 1]).total().tolist() == [12, 4, 8]
    text = str(counts)
    assert "2 images, 3 classes" in text and "Void is 8.3 % of all pixels" in text
    assert "weed       4  18.2       1   50.0" in text.splitlines()[-2]
    assert "<table>" in counts._repr_html_()


def test_objects_are_counted_where_they_are_known_and_never_guessed(pair):
    assert count(pair).objects is None
    with pytest.raises(ValueError, match="no instance annotations"):
        count(pair).total("objects")
    one = Instances(torch.ones(3, 3, 4).bool(), torch.tensor([1, 2, 1]), torch.zeros(3, 4).long())
    assert count(InMemory(NAMES, [FIRST], instances=[one])).objects.tolist() == [[0, 2, 1]]


def test_wrong_units_and_shapes_and_empty_data_sets_are_refused(pair):
    with pytest.raises(ValueError, match="'pixels', 'images', 'objects', got 'boxes'"):
        count(pair).of("boxes")
    for shape in ((2, 3), (4,)):
        with pytest.raises(ValueError, match=r"\(N, 4\), void last"):
            Counts(Classes.of(*NAMES), torch.zeros(shape).long())
    with pytest.raises(ValueError, match="nothing to measure"):
        count(InMemory(NAMES, []))
    with pytest.raises(ValueError, match="no pixels of any class"):
        count(InMemory(NAMES, [torch.full((2, 2), 255, dtype=torch.uint8)])).shares()


@pytest.mark.parametrize("dataset", [Scenes(4), Scenes(4).subset([3, 1]), Photo()])
def test_images_as_a_slow_loop_counts_them(dataset):
    assert torch.equal(count(dataset).pixels, slow(dataset))
    assert torch.equal(count(dataset).objects, slow_objects(dataset))


@pytest.mark.photographs
@pytest.mark.parametrize("name", ["pets", "camvid"])
def test_photographs_as_a_slow_loop_counts_them(name, photographs):
    dataset = load(name, root=photographs).subset(range(0, 200, 20))
    assert torch.equal(count(dataset).pixels, slow(dataset))
    assert name == "camvid" or torch.equal(count(dataset).objects, slow_objects(dataset))


@pytest.mark.parametrize(("number", "jobs"), [(5, None), (60, 2)])
def test_files_as_a_slow_loop_counts_them_also_in_other_processes(make_folder, number, jobs):
    dataset = load(make_folder(masks(number)))
    assert torch.equal(count(dataset, jobs=jobs).pixels, slow(dataset))


def test_a_value_that_is_no_class_is_named_with_its_place(make_folder):
    wrong = SECOND.clone()
    wrong[2, 3] = 7
    root = make_folder([FIRST.numpy(), wrong.numpy()])
    words = r"001.png: the mask holds the value 7 at row 2, column 3 \(1 pixels"
    with pytest.raises(ValueError, match=words):
        for split in ("train", "val", "test"):
            count(load(root, split))
    with pytest.raises(ValueError, match="memory, sample 1: the mask holds the value 7"):
        count(InMemory(NAMES, [FIRST, wrong]))


def one_more(root):
    return write(root, {"{images,masks}/0.png": np.zeros((4, 5), np.uint8)})  # sorted before the others


def moved(root):
    return root.rename(root.with_name("elsewhere"))


def copied(root):
    return shutil.copytree(root, root.with_name("a copy"))


@pytest.mark.parametrize("change", [Path, moved, copied, one_more])  # Path changes nothing
@pytest.mark.parametrize("listed", [True, False])
def test_what_was_counted_is_found_by_content_alone(make_folder, monkeypatch, change, listed):
    root = make_folder(masks(12))
    if not listed:
        (root / "classes.txt").unlink()
    known = count(load(root)).pixels.tolist()
    root = change(root)
    counted = watch(monkeypatch)
    dataset = load(root)
    assert dataset.classes.names  # asked for first, which leaves a trace in the data set
    found = count(dataset).pixels.tolist()
    new = [dataset.sample_id(index) for index in counted]
    assert new == ["0"] * (change is one_more and "0" in new)
    assert [row for index, row in enumerate(found) if index not in counted] == known
    counted.clear()
    assert count(dataset.subset([2, 0])).pixels.tolist() == [found[2], found[0]] and not counted


def test_another_mask_of_the_same_date_and_another_meaning_are_counted_anew(make_folder):
    root = make_folder([FIRST.numpy()] * 8)
    before, path = count(load(root)), Path(load(root).samples[1].mask)
    status = path.stat()
    Pillow.fromarray(SECOND.numpy()).save(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = count(load(root))
    assert torch.equal(after.pixels, slow(load(root))) and not torch.equal(after.pixels, before.pixels)
    write(root, {"classes.json": {"names": ["fish", "sea", "weed"], "values": [1, 0, 2]}})
    assert count(load(root)).total().tolist() == after.total()[[1, 0, 2]].tolist()


def test_a_dial_that_was_turned_is_counted_anew():
    turned = Scenes(3, dials=Dials(frequency=1.0, count=(9, 9)))
    assert not torch.equal(count(Scenes(3)).pixels, count(turned).pixels)
    assert torch.equal(count(Scenes(3, "val")).pixels, slow(Scenes(3, "val")))


def test_a_class_of_ones_own_is_always_counted(pair):
    count(pair)
    pair.masks = [FIRST, FIRST]
    assert count(pair).total().tolist() == [16, 4, 0]


@pytest.mark.photographs
def test_the_same_trimaps_with_other_classes_are_counted_anew(photographs):
    cats = count(load("pets", root=photographs).subset(range(4)))
    animals = count(load("pets", root=photographs, classes=("background", "animal")).subset(range(4)))
    assert len(cats.total()) == 3 and cats.total()[1:].sum() == animals.total()[1]


def test_a_hundred_thousand_masks_take_only_their_counts():
    number, masks = 100_000, [FIRST, SECOND]

    class Endless(InMemory):
        def __len__(self):
            return number

        def __getitem__(self, index):
            return None, masks[index % 2]

    dataset = Endless(NAMES, masks)
    importlib.import_module("rich.progress")  # the bar of a slow machine is not what is measured
    tracemalloc.start()
    try:
        counts = count(dataset, jobs=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert counts.total().tolist() == [14 * number / 2, 4 * number / 2, 4 * number / 2]
    row = 8 * 7  # bytes
    assert peak < 2.5 * row * number + 4e6, f"{peak / 1e6:.0f} MB"  # the rows, and once more as integers


# Class weights.

CLASSES = Classes.of(*NAMES)
# Three images of 100 pixels; the last column is void.
PIXELS = torch.tensor([[80, 10, 0, 10], [90, 0, 0, 10], [40, 10, 50, 0]])
COUNTS = Counts(CLASSES, PIXELS, torch.tensor([[0, 1, 0], [0, 0, 0], [0, 3, 1]]))


def test_inverse_frequency_by_hand_and_by_scikit_learn():
    # 280 pixels that are not void: 210 sea, 20 fish, 50 weed
    assert_close(inverse_frequency(COUNTS), torch.tensor([280 / 630, 280 / 60, 280 / 150]))
    pixels = torch.arange(3).repeat_interleave(COUNTS.total())
    oracle = compute_class_weight("balanced", classes=np.arange(3), y=pixels.numpy())
    assert_close(inverse_frequency(COUNTS), torch.tensor(oracle).float())
    weighted = inverse_frequency(COUNTS) * COUNTS.total()
    assert_close(weighted, weighted.mean().expand(3))  # every class weighs the same


def test_median_frequency_by_hand():
    # sea 210 of 90 + 90 + 100; fish 20 of 90 + 100; weed 50 of 100: f = .75, .105.., .5 and the median is .5
    assert_close(median_frequency(COUNTS), torch.tensor([0.5 / 0.75, 0.5 * 190 / 20, 1.0]))
    even = Counts(Classes.of("sea", "fish"), torch.tensor([[75, 25, 0]]))
    assert_close(median_frequency(even), torch.tensor([0.5 / 0.75, 0.5 / 0.25]))


def test_enet_by_hand_and_its_bounds():
    shares = (210 / 280, 20 / 280, 50 / 280)
    assert_close(enet(COUNTS), torch.tensor([1 / math.log(1.02 + share) for share in shares]))
    everything = Counts(CLASSES, torch.tensor([[10**9, 1, 1, 0]]))
    assert_close(enet(everything), torch.tensor([1.4223, 50.4983, 50.4983]), atol=1e-4, rtol=1e-4)


def test_effective_number_by_hand():
    # images: 3 sea, 2 fish, 1 weed; beta 1/2: effective numbers 1.75, 1.5, 1
    raw = torch.tensor([1 / 1.75, 1 / 1.5, 1.0])
    assert_close(effective_number(COUNTS, 0.5, "images"), raw / raw.mean())
    # objects: 4 fish, 1 weed; sea has none and counts as one in each of 3 images
    raw = torch.tensor([1 / 1.75, 1 / 1.875, 1.0])
    assert_close(effective_number(COUNTS, 0.5, "objects"), raw / raw.mean())


def test_effective_number_goes_from_equal_weights_to_inverse_frequency():
    assert_close(effective_number(COUNTS, 0.0, "pixels"), torch.ones(3))
    inverse = inverse_frequency(COUNTS)
    assert_close(effective_number(COUNTS, 1 - 1e-9, "pixels"), inverse / inverse.mean(), rtol=1e-4, atol=1e-4)
    for beta in (-0.1, 1.0, 2.0):
        with pytest.raises(ValueError, match="below 1"):
            effective_number(COUNTS, beta)


@pytest.mark.parametrize(
    "scheme", [inverse_frequency, median_frequency, enet, lambda counts: effective_number(counts, 0.9)]
)
def test_an_absent_class_gets_zero_and_the_others_what_they_got_without_it(scheme):
    pixels = torch.cat([PIXELS[:, :3], torch.zeros(3, 1).long(), PIXELS[:, 3:]], dim=1)
    longer = Counts(Classes.of(*NAMES, "whale"), pixels)
    with pytest.warns(UserWarning, match="weight 0 for whale: it does not occur"):
        weights = scheme(longer)
    assert_close(weights, torch.cat([scheme(COUNTS), torch.zeros(1)]))
    void = Counts(CLASSES, torch.tensor([[0, 0, 0, 9]]))
    with pytest.raises(ValueError, match="no pixels of any class"):
        scheme(void)
