"""Proposals and features are kept on disk, found by content: a second run, or one after a kill, reads them.

A file's name is a hash of the image, the regions, the weights and the code, so that it can be missing but
never stale.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

import seglib
from seglib import files as tensor_files
from seglib.cache import folder
from seglib.files import TensorFileError
from seglib.regions.features import KINDS, Kind, RegionFeatures, Stages, check_kind
from seglib.regions.proposals import Proposals

SEEN_BY_THE_NET = ("features.py",)
BEHIND_PROPOSALS = ("superpixels.py", "grouping.py", "proposals.py")


def kept(
    features: RegionFeatures,
    image: Tensor,
    proposals: Proposals,
    kind: Kind = "joined",
    *,
    stages: Stages | None = None,
) -> list[Path]:
    """Files with the features of every region, made now if they are not there.

    Args:
        features: the net.
        image: (3, H, W) uint8.
        proposals: R regions of it.
        kind: "joined" gives two files, which serve "full" and "foreground" too.
        stages: where to count the seconds of what was made now.

    Returns:
        What `read` takes.

    Raises:
        DiskError: the disk is full or may not be written to.
        ValueError: as in `RegionFeatures.extract`.
    """
    check_kind(kind)
    paths = []
    for part in KINDS[:2] if kind == "joined" else (kind,):
        path = _path(
            features.fingerprints[part], code_of_features(), image, proposals.labels.int(), proposals.members
        )
        if not _whole(path):
            rows = features.extract(image, proposals, part, stages=stages)
            tensor_files.write(path, {"features": rows.half()})
        paths.append(path)
    return paths


def proposals(image: Tensor, settings: str, make: Callable[[], Proposals]) -> Proposals:
    """The proposals of an image, from the disk or made now.

    Args:
        image: (3, H, W) uint8.
        settings: everything else that they depend on, in words.
        make: makes them.

    Raises:
        DiskError: the disk is full or may not be written to.
    """
    path = _path(f"proposals {settings}", code_of_proposals(), image)
    with suppress(FileNotFoundError, TensorFileError):
        return Proposals.load(path)
    found = make()
    found.save(path)
    return found


def read(paths: list[Path]) -> Tensor:
    """(R, D) float32: the features in these files side by side, rounded to 11 bits.

    Raises:
        FileNotFoundError: somebody deleted the cache meanwhile.
    """
    return torch.cat([tensor_files.read(path)["features"] for path in paths], dim=1).float()


def _whole(path: Path) -> bool:
    """Whether the file is there and can be read; one that is damaged is made again."""
    try:
        return "features" in tensor_files.read(path)
    except (FileNotFoundError, TensorFileError):
        return False


def _path(what: str, code: str, *content: Tensor) -> Path:
    digest = hashlib.blake2b(f"{what} {code}".encode(), digest_size=16)
    for tensor in content:
        digest.update(f"{tuple(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
    name = digest.hexdigest()
    return folder() / "regions" / name[:2] / f"{name[2:]}.pt"


@cache
def code_of_features() -> str:
    """A hash of the code behind features."""
    here = Path(seglib.__file__).parent
    return _hash([here / "regions" / name for name in SEEN_BY_THE_NET] + [*(here / "backbones").glob("*.py")])


@cache
def code_of_proposals() -> str:
    """A hash of the code behind proposals."""
    here = Path(__file__).parent
    return version("scikit-image") + _hash([here / name for name in BEHIND_PROPOSALS])


def _hash(files: list[Path]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(files):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
