"""Crops, features of regions, and the features of a data set: kept on disk, and found again by content."""

import joblib
import pytest
import torch
from torch import Tensor

from seglib import backbones, cache
from seglib.backbones import Backbone
from seglib.regions import Proposals, RegionFeatures
from seglib.regions import features as module
from seglib.regions.crops import MEAN, crop, crops, masked, warp, windows
from seglib.regions.features import (
    KINDS,
    LONGEST,
    RegionExtractor,
    first_similar,
    resize_mask,
    shrink_to,
    without_classifier,
)
from seglib.scenes import Scenes
from tests.data.conftest import InMemory

SCENES = Scenes(3, size=(64, 64))
LABELS = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 2]])
TWO = Proposals(LABELS, torch.tensor([[1, 0, 1], [0, 1, 0]]).bool(), torch.tensor([0.9, 0.1]))


def photo(height: int = 24, width: int = 32) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=rng)


def small(seed: int = 0) -> Backbone:
    torch.manual_seed(seed)
    return backbones.load("small", pretrained=False)


def some_regions() -> Proposals:
    """Six quarters and halves of an image of 24 x 32."""
    labels = (torch.arange(24)[:, None] // 12 * 2 + torch.arange(32) // 16).long()
    members = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1]]
    return Proposals(labels, torch.tensor(members).bool(), torch.zeros(6))


def test_a_window_is_cut_out_unchanged_or_averaged_never_sampled():
    image, window = photo(9, 12), torch.tensor([[3.0, 2, 8, 7]])
    assert torch.equal(warp(image, window, 5)[0], image[:, 2:7, 3:8].float())
    image = photo(8, 8)
    means = torch.nn.functional.avg_pool2d(image.float(), 2)
    assert torch.allclose(warp(image, torch.tensor([[0.0, 0, 8, 8]]), 4)[0], means, atol=1e-3)


def test_the_context_is_16_of_227_pixels_on_each_side_and_outside_is_the_fill_colour():
    window = windows(torch.tensor([[100, 50, 295, 245]]))[0]  # 195 = 227 - 2 * 16, as in SDS
    assert window.tolist() == pytest.approx([100 - 16, 50 - 16, 295 + 16, 245 + 16])
    image = torch.full((3, 390, 390), 255, dtype=torch.uint8)
    whole = crop(image, torch.tensor([0, 0, 390, 390]), size=227, fill=(10, 20, 30))
    assert whole[:, 0, 0].tolist() == [10, 20, 30] and whole[:, 110, 110].tolist() == pytest.approx([255] * 3)
    assert int((whole[0] > 254.9).sum()) == 195 * 195


def test_the_foreground_by_hand():
    full = torch.full((2, 3, 4, 4), 200.0)
    alone = masked(full, LABELS, TWO.members, TWO.boxes.float())
    # region 0 has the box 4 x 3 and all but the upper right; its crop of 4 rows looks at the rows 0, 1, 1, 2
    assert (alone[0, 0] == 200).int().tolist() == [[1, 1, 0, 0]] * 3 + [[1, 1, 1, 1]]
    assert alone[0, :, 0, 3].tolist() == list(MEAN)
    assert bool((alone[1] == 200).all())  # region 1 fills its box
    # A neighbour that lies in the context of a box is not in its foreground.
    labels = torch.zeros(60, 60, dtype=torch.long)
    labels[20:40, 20:40] = 1
    region = Proposals(labels, torch.tensor([[False, True]]), torch.zeros(1))
    alone = crops(torch.full((3, 60, 60), 200, dtype=torch.uint8), region, size=227)[1]
    assert [alone[0, 0, y, x].item() for y, x in ((0, 0), (113, 15), (113, 17))] == [MEAN[0], MEAN[0], 200]


def test_both_crops_of_regions_also_of_grey_and_of_the_smallest_images():
    grey = photo(3, 4)[:1]
    full, alone = crops(grey.expand(3, -1, -1), TWO, size=8)
    for index, box in enumerate(TWO.boxes):
        assert torch.equal(full[index], crop(grey, box, size=8))
    assert torch.equal(alone, masked(full, LABELS, TWO.members, windows(TWO.boxes)))
    for size in ((1, 1), (1, 7), (5, 1)):
        whole = Proposals(torch.zeros(size, dtype=torch.long), torch.ones(1, 1).bool(), torch.zeros(1))
        full, alone = crops(torch.full((3, *size), 127, dtype=torch.uint8), whole, size=6)
        assert bool((full == 127).all()) and torch.equal(full, alone)
    with pytest.raises(ValueError, match="uint8"):
        crop(torch.rand(3, 6, 6), TWO.boxes[0])


def test_a_feature_is_the_nets_output_for_the_crop_and_joined_is_both():
    features, regions = RegionFeatures(small(), size=32), some_regions()
    full, alone, both = (features.extract(photo(), regions, kind) for kind in KINDS)
    with torch.inference_mode():
        net = without_classifier(small().eval())
        for seen, found in zip(crops(photo(), regions, size=32, fill=features.fill), (full, alone)):
            assert torch.allclose(found, net(seen), atol=1e-4)
    with pytest.raises(ValueError, match="full, foreground, joined; got 'both'"):
        features.extract(photo(), regions, "both")
    assert torch.equal(both, torch.cat([full, alone], dim=1)) and both.dtype == torch.float32
    # a quarter fills its box; the two quarters of region 3 share the box of the whole image, region 0
    assert torch.allclose(full[0], full[3]) and not torch.allclose(alone[0], alone[3])


def test_a_foreground_net_of_its_own_sees_only_foregrounds():
    one, two = small(), small(1)
    both, regions = RegionFeatures(one.train(), foreground=two, size=32), some_regions()
    for kind, net in (("full", one), ("foreground", two)):
        alone = RegionFeatures(net, size=32).extract(photo(), regions, kind)
        assert torch.equal(both.extract(photo(), regions, kind), alone)
    assert one.training, "the net that was passed stays as it was"


def test_batches_change_nothing_and_no_regions_give_no_rows(monkeypatch):
    features, regions = RegionFeatures(small(), size=32), some_regions()
    at_once = features.extract(photo(), regions)
    monkeypatch.setattr(module, "BATCH", 2)
    assert torch.allclose(features.extract(photo(), regions), at_once, atol=1e-5)
    assert features.extract(photo(), regions.subset([])).shape == (0, at_once.shape[1])


def test_boxes_that_are_nearly_the_same_share_a_crop():
    boxes = torch.tensor([[0, 0, 100, 100], [0, 0, 97, 100], [0, 0, 94, 100], [0, 0, 90, 100]])
    # 97 of 100 joins the first; 94 does not, though it is near to 97; 90 of 94 joins that
    assert first_similar(boxes).tolist() == [0, 0, 2, 2]


def test_lite0_gives_the_layer_before_its_classifier():
    regions, features = some_regions().subset([0]), RegionFeatures(size=64)
    rows = features.extract(photo(), regions)
    assert rows.shape == (1, 2 * 1280)
    full, _ = crops(photo(), regions, size=64, fill=features.fill)
    with torch.inference_mode():
        logits = backbones.load("lite0").classify(full)
        last = features.backbone.classifier[-1]
        assert torch.allclose(last(rows[:, :1280]), logits, atol=1e-3)


def test_a_key_changes_with_the_weights_and_the_crops():
    keys = [RegionFeatures(small(seed), size=size).keys["full"] for seed, size in ((0, 32), (1, 32), (0, 48))]
    assert len(set(keys)) == 3 and keys[0] == RegionFeatures(small(), size=32).keys["full"]


class Counting(RegionFeatures):
    """Counts how often the net is run, and is interrupted at its `last` run."""

    runs, last = 0, -1

    def extract(self, *args: object, **more: object) -> Tensor:
        if self.runs == self.last:
            raise KeyboardInterrupt
        self.runs += 1
        return super().extract(*args, **more)


def counting(seed: int = 0) -> RegionExtractor:
    return RegionExtractor(Counting(small(seed), size=32), number=30)


def runs(extractor: RegionExtractor) -> int:
    return extractor.features.runs


def test_examples_by_hand(home):
    extractor = counting()
    for index, example in enumerate(extractor.examples(SCENES, jobs=1)):
        image, proposals, truth, classes, overlaps = extractor.regions(SCENES, index)
        assert example.first_true == len(proposals) and example.classes.equal(classes)
        assert example.overlaps.equal(torch.cat([overlaps, torch.eye(len(classes))]))
        expected = [extractor.features.extract(image, regions) for regions in (proposals, truth)]
        assert torch.allclose(example.read(), torch.cat(expected), rtol=2**-10, atol=1e-6)  # 11 bits
        for kind in range(len(SCENES.classes)):
            of_kind = overlaps[:, classes == kind]
            best = of_kind.amax(dim=1) if of_kind.numel() else torch.zeros(len(proposals))
            assert example.overlap_with(kind)[: len(proposals)].equal(best)


def test_cached_is_extract_rounded_and_joined_serves_full_and_foreground(home):
    extractor, image = counting(), SCENES[0][0]
    (proposals, features), (again, rounded) = extractor.extract(image), extractor.cached(image)
    assert again.members.equal(proposals.members)
    assert torch.allclose(rounded, features, rtol=2**-10, atol=1e-6)
    done = runs(extractor)
    for kind in ("full", "foreground", "joined"):
        RegionExtractor(extractor.features, kind, 30).cached(image)
    assert runs(extractor) == done


def test_another_image_net_number_or_seed_is_computed_anew(home):
    image = SCENES[0][0]
    for extractor, seen in ((counting(), image), (counting(), SCENES[1][0]), (counting(1), image)):
        extractor.cached(seen)
        assert runs(extractor) == 2
    features = counting().features
    fewer, other = RegionExtractor(features, number=20), RegionExtractor(features, number=30, seed=1)
    assert len(fewer.cached(image)[0]) == 20
    assert not other.cached(image)[0].scores.equal(counting().cached(image)[0].scores)


def test_a_second_extractor_finds_everything_also_from_two_threads(home):
    first = counting()
    with joblib.parallel_config(backend="threading"):  # processes take seconds to start
        rows = [example.read() for example in first.examples(SCENES, jobs=2)]
    second = counting()
    assert all(torch.equal(a.read(), b) for a, b in zip(second.examples(SCENES, jobs=1), rows))
    assert runs(second) == 0


def test_the_keys_depend_on_the_code(home, monkeypatch):
    seen: dict[object, tuple[str, ...]] = {}

    def watched(*parts: object, code: tuple[str, ...] = ()) -> str:
        seen[parts[0]] = code
        return key(*parts, code=code)

    key = cache.key
    monkeypatch.setattr(cache, "key", watched)
    counting().examples(SCENES.subset([0]), jobs=1)
    assert "seglib.regions" in seen["region proposals"]
    assert {"seglib.regions", "seglib.backbones"} <= set(seen["region features"])


def test_what_the_disk_lost_is_computed_again(home):
    extractor = counting()
    (example,) = extractor.examples(SCENES.subset([1]), jobs=1)
    before, done = example.read(), runs(extractor)
    for file in cache.folder().iterdir():
        file.unlink()
    assert torch.equal(example.read(), before) and runs(extractor) == 2 * done


def test_a_run_that_was_stopped_resumes(home):
    stopped, extractor = counting(), counting()
    stopped.features.last = 5  # in the second image: each runs the net four times
    with pytest.raises(KeyboardInterrupt):
        stopped.examples(SCENES, jobs=1)
    assert len(extractor.examples(SCENES, jobs=1)) == 3
    assert runs(extractor) == 3 * 4 - 5  # five were there


def test_void_counts_neither_for_nor_against_a_region(home):
    """A bright square has void around it, as wide as a trimap's: more than three times its pixels."""
    image, mask = torch.full((3, 48, 56), 90).byte(), torch.zeros(48, 56).byte()
    image[0, 10:30, 12:36], mask[10:30, 12:36], mask[15:25, 17:31] = 250, 255, 1
    *_, overlaps = counting().regions(InMemory(["background", "square"], [mask], [image]), 0)
    assert overlaps.max() > 0.9


def test_a_larger_image_is_processed_smaller_with_its_mask_and_objects(home):
    large = Scenes(1, size=(200, 2 * LONGEST))
    image, proposals, truth, _, overlaps = counting().regions(large, 0)
    assert image.shape == (3, 100, LONGEST) and proposals.labels.shape == truth.labels.shape == (100, LONGEST)
    assert overlaps.shape == (len(proposals), len(truth)) and overlaps.max() > 0.3
    mask = torch.tensor([[1, 1, 255, 255], [1, 1, 255, 255]], dtype=torch.uint8)
    assert resize_mask(mask, (1, 2)).tolist() == [[1, 255]]  # never a value between two
    whole = large[0][0].as_subclass(Tensor).float()
    means = torch.nn.functional.avg_pool2d(whole, 2)
    assert (shrink_to(large[0][0]).float() - means).abs().mean() < 3
