"""Examples of a data set: found again by content, computed again where damaged, and there after a kill."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import joblib
import pytest
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib import backbones, cache
from seglib.regions import RegionFeatures
from seglib.regions.extractor import LONGEST, RegionExtractor, resize_mask, shrink_to
from seglib.scenes import Scenes

SCENES = Scenes(3, size=(64, 64))


class Counting(RegionFeatures):
    """Counts how often the net is run."""

    runs = 0

    def extract(self, *args: object, **more: object) -> Tensor:
        self.runs += 1
        return super().extract(*args, **more)  # type: ignore[arg-type]


def counting(seed: int = 0, kind: type[Counting] = Counting) -> RegionExtractor:
    torch.manual_seed(seed)
    net = backbones.load("small", pretrained=False)
    return RegionExtractor(kind(net, size=32), number=30)


def runs(extractor: RegionExtractor) -> int:
    return extractor.features.runs  # type: ignore[attr-defined,no-any-return]


def test_examples_by_hand(home: Path) -> None:
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


def test_cached_is_extract_rounded_and_joined_serves_full_and_foreground(home: Path) -> None:
    extractor, image = counting(), SCENES[0][0]
    (proposals, features), (again, rounded) = extractor.extract(image), extractor.cached(image)
    assert again.members.equal(proposals.members)
    assert torch.allclose(rounded, features, rtol=2**-10, atol=1e-6)
    done = runs(extractor)
    for kind in ("full", "foreground", "joined"):
        RegionExtractor(extractor.features, kind, 30).cached(image)  # type: ignore[arg-type]
    assert runs(extractor) == done


def test_another_image_net_number_or_seed_is_computed_anew(home: Path) -> None:
    image = SCENES[0][0]
    for extractor, seen in ((counting(), image), (counting(), SCENES[1][0]), (counting(1), image)):
        extractor.cached(seen)
        assert runs(extractor) == 2
    features = counting().features
    fewer, other = RegionExtractor(features, number=20), RegionExtractor(features, number=30, seed=1)
    assert len(fewer.cached(image)[0]) == 20
    assert not other.cached(image)[0].scores.equal(counting().cached(image)[0].scores)


def test_a_second_extractor_finds_everything_also_from_two_threads(home: Path) -> None:
    first = counting()
    with joblib.parallel_config(backend="threading"):  # processes take seconds to start
        rows = [example.read() for example in first.examples(SCENES, jobs=2)]
    second = counting()
    assert all(torch.equal(a.read(), b) for a, b in zip(second.examples(SCENES, jobs=1), rows))
    assert runs(second) == 0


def test_the_keys_depend_on_the_code(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[object, tuple[str, ...]] = {}

    def watched(*parts: object, code: tuple[str, ...] = ()) -> str:
        seen[parts[0]] = code
        return key(*parts, code=code)

    key = cache.key
    monkeypatch.setattr(cache, "key", watched)
    counting().examples(SCENES.subset([0]), jobs=1)
    assert "seglib.regions" in seen["region proposals"]
    assert {"seglib.regions", "seglib.backbones"} <= set(seen["region features"])


def test_what_the_disk_lost_is_computed_again(home: Path) -> None:
    extractor = counting()
    (example,) = extractor.examples(SCENES.subset([1]), jobs=1)
    before, done = example.read(), runs(extractor)
    for file in cache.folder().iterdir():
        file.unlink()
    assert torch.equal(example.read(), before) and runs(extractor) == 2 * done


class Dying(Counting):
    """Kills its process in the second image: each runs the net four times, and this is the sixth run."""

    def extract(self, *args: object, **more: object) -> Tensor:
        if self.runs == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().extract(*args, **more)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_killed_run_resumes(home: Path) -> None:
    child = os.fork()
    if not child:
        try:
            counting(kind=Dying).examples(SCENES, jobs=1)
        finally:
            os._exit(0)  # not reached
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    extractor = counting()
    assert len(extractor.examples(SCENES, jobs=1)) == 3
    assert runs(extractor) == 3 * 4 - 5  # five were there


class Fringed(Scenes):
    """Images with a bright square, and void around it, as wide as a trimap's."""

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        image, mask = torch.full((3, 48, 56), 90).byte(), torch.zeros(48, 56).byte()
        image[0, 10:30, 12:36], mask[10:30, 12:36], mask[15:25, 17:31] = 250, 255, 1
        return Image(image), Mask(mask)

    def instances(self, index: int) -> None:
        return None


def test_void_counts_neither_for_nor_against_a_region(home: Path) -> None:
    *_, overlaps = counting().regions(Fringed(1), 0)
    assert overlaps.max() > 0.9  # with the void, the square has more than three times the pixels of its core


def test_a_larger_image_is_processed_smaller_with_its_mask_and_objects(home: Path) -> None:
    large = Scenes(1, size=(200, 2 * LONGEST))
    image, proposals, truth, _, overlaps = counting().regions(large, 0)
    assert image.shape == (3, 100, LONGEST) and proposals.labels.shape == truth.labels.shape == (100, LONGEST)
    assert overlaps.shape == (len(proposals), len(truth)) and overlaps.max() > 0.3
    whole = large[0][0].as_subclass(Tensor).float()
    means = torch.nn.functional.avg_pool2d(whole, 2)
    assert (shrink_to(large[0][0]).float() - means).abs().mean() < 3


def test_masks_take_the_nearest_value() -> None:
    mask = torch.tensor([[1, 1, 255, 255], [1, 1, 255, 255]], dtype=torch.uint8)
    assert resize_mask(mask, (1, 2)).tolist() == [[1, 255]]
    assert resize_mask(mask[:1, 1:3].bool()[None], (1, 4)).tolist() == [[[True, True, True, True]]]
