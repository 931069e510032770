"""Oxford-IIIT Pet (Parkhi et al. 2012): cats and dogs, each with a trimap."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seglib.data import splits
from seglib.data.dataset import Instances
from seglib.data.files import FileDataset, instances_of, match, pictures_in, to_classes
from seglib.labels import VOID, Classes

PET, BACKGROUND, BORDER = 1, 2, 3  # what a trimap holds
SPECIES = ("cat", "dog")  # 1 and 2 in the list files


class Pets(FileDataset):
    """Photographs of one animal each; the trimap's border, 12 % of the pixels, is void.

    The data set's own list `trainval.txt` is divided into train and val (80 : 20, by the hash of the name);
    `test.txt` is test. Pictures in no list are left out: some of them have an empty trimap.

    Args:
        root: the folder with `images/` and `annotations/`.
        split: "train", "val" or "test".
        classes: ("background", "cat", "dog"), or any two names for background and animal.

    Raises:
        FileNotFoundError: a list or folder is missing.
        ValueError: a listed picture has no file, a list is damaged, or the split or classes are unknown.
    """

    def __init__(
        self, root: Path, split: str = "train", *, classes: Sequence[str] = ("background", *SPECIES)
    ) -> None:
        if len(classes) != 2 and tuple(classes[1:]) != SPECIES:
            raise ValueError(f"classes must be background, cat, dog or two names, got {tuple(classes)}")
        species = self._species(root, split)
        images, trimaps = root / "images", root / "annotations" / "trimaps"
        samples = match(pictures_in(images), pictures_in(trimaps), list(species), images, trimaps)
        super().__init__("pets", split, Classes.of(*classes), samples)
        self.animals = [min(number, len(classes) - 1) for number in species.values()]

    def decode(self, index: int, labels: NDArray[Any]) -> NDArray[np.uint8]:
        """The trimap's 1, 2, 3 as the animal's class, background and void."""
        values = {PET: self.animals[index], BACKGROUND: 0, BORDER: VOID}
        return to_classes(labels, values, self.samples[index].mask)

    def instances(self, index: int) -> Instances:
        """The animal: its mask and box come from the trimap (the data set's own boxes are of heads)."""
        animal = self.animals[index]
        masks = self[index][1][None] == animal  # (1, H, W)
        return instances_of(masks.as_subclass(torch.Tensor), torch.tensor([animal]))

    @staticmethod
    def _species(root: Path, split: str) -> dict[str, int]:
        """Stem -> 1 (cat) or 2 (dog) for the pictures of a split, in the order of the list."""
        if split not in ("train", "val", "test"):
            raise ValueError(f"split must be 'train', 'val' or 'test', got {split!r}")
        listed = _read_list(root / "annotations" / ("test.txt" if split == "test" else "trainval.txt"))
        if split == "test":
            return listed
        return {stem: listed[stem] for stem in splits.by_name(listed, {"train": 0.8, "val": 0.2})[split]}


def _read_list(path: Path) -> dict[str, int]:
    """Stem -> species from lines `stem class species breed`; lines with # are remarks."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the list of pictures is missing; unpack annotations.tar.gz again")
    listed = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split()
        if len(words) != 4 or words[2] not in ("1", "2"):
            raise ValueError(f"{path}, line {number}: expected 'name class species breed', got {line!r}")
        listed[words[0]] = int(words[2])
    return listed
