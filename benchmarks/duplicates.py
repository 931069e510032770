"""Which images come twice in the real data sets, and how far are altered copies from their originals?

Needs SEGLIB_DATA. Prints, for each data set: pairs across its splits and within them; the bits that differ
(of 64, in the worse of two hashes) between an image and altered copies; for CamVid, what a split by chance
would leak.

    SEGLIB_DATA=... python benchmarks/duplicates.py [--copies 80]
"""

from __future__ import annotations

import argparse
import io
import random

import numpy as np
from PIL import Image
from torchvision.transforms.functional import to_pil_image

from seglib.data.audit import audit, hashes
from seglib.data.catalog import found, load
from seglib.data.dataset import SegmentationDataset, by_name
from seglib.data.files import FileDataset


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    """Saved and opened again."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


COPIES = {
    "JPEG quality 50": lambda image: jpeg(image, 50),
    "JPEG quality 20": lambda image: jpeg(image, 20),
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "1.5 times the size": lambda image: image.resize((image.width * 3 // 2, image.height * 3 // 2)),
    "224 x 224": lambda image: image.resize((224, 224)),
    "half the size, then JPEG 60": lambda image: jpeg(COPIES["half the size"](image), 60),
    "5 % cropped (not claimed)": lambda image: image.crop(
        (image.width // 20, image.height // 20, image.width * 19 // 20, image.height * 19 // 20)
    ),
}


def bits(a: tuple[int, int], b: tuple[int, int]) -> int:
    """Of 64, in the worse of two hashes."""
    return max((x ^ y).bit_count() for x, y in zip(a, b))


def altered(dataset: SegmentationDataset, count: int) -> None:
    """How far altered copies are from their originals."""
    some = random.Random(0).sample(range(len(dataset)), min(count, len(dataset)))
    images = [to_pil_image(dataset[index][0]) for index in some]
    for name, alter in COPIES.items():
        far = [bits(hashes(alter(one).convert("RGB")), hashes(one)) for one in images]
        print(f"  {name:28} median {np.median(far):2.0f}, at most {max(far)}")


def by_chance(parts: list[FileDataset]) -> None:
    """What leaks if all images are divided by the hash of their names."""
    samples = {sample.id: sample for part in parts for sample in part.samples}
    division = {
        split: FileDataset(
            "chance", split, parts[0].classes, [samples[one] for one in chosen], values=parts[0].values
        )
        for split, chosen in by_name(samples).items()
    }
    report = audit(division)
    pairs = [finding.sample.split(" = ") for finding in report.of("leak") + report.of("near leak")]
    twins = {second for first, second in pairs if first.startswith("train/") and second.startswith("test/")}
    sizes = " / ".join(str(len(part)) for part in division.values())
    print(f"  divided by chance: {sizes}, {len(pairs)} pairs across splits,", end=" ")
    print(f"{len(twins)} of {len(division['test'])} test images have a twin in train")


def main() -> None:
    """All data sets that are found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=80)
    copies = parser.parse_args().copies
    for name in found():
        parts = {
            split: load(name, split) for split in ("train", "val", "test") if name != "voc" or split != "test"
        }
        found_in = audit(parts)
        across = found_in.of("leak") + found_in.of("near leak")
        print(f"{name}\n  across splits: {len(across)} pairs", *across[:20], sep="\n    ")
        for split in parts:
            pairs = [*found_in.of("twice"), *found_in.of("nearly twice")]
            print(f"  within {split}: {sum(pair.split == split for pair in pairs)} pairs")
        altered(parts["train"], copies)
        if name == "camvid":
            by_chance(list(parts.values()))


if __name__ == "__main__":
    main()
