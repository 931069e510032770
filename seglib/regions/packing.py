"""Region proposals as plain tensors for a file: one bit a membership, compressed."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seglib.files import TensorFileError

LEVEL = 1  # of compression: labels and memberships are long runs of the same, so the quickest will do


def pack(labels: Tensor, members: Tensor, scores: Tensor) -> dict[str, Any]:
    """What a file holds of proposals: labels (H, W) int64, members (R, S) bool, scores (R,) float32."""
    return {
        "kind": "region proposals",
        "size": list(labels.shape),
        "counts": list(members.shape),
        "labels": _squeezed(labels.cpu().numpy().astype(np.int32)),
        "members": _squeezed(np.packbits(members.cpu().numpy(), axis=1)),
        "scores": scores.cpu(),
    }


def unpack(content: dict[str, Any], path: Path) -> tuple[Tensor, Tensor, Tensor]:
    """The labels, members and scores that `pack` was given.

    Raises:
        TensorFileError: the file `path`, where the content comes from, holds something else.
    """
    try:
        regions, superpixels = content["counts"]
        labels = _spread(content["labels"], np.int32).reshape(content["size"])
        bits = _spread(content["members"], np.uint8).reshape(regions, -(-superpixels // 8))
        members = np.unpackbits(bits, axis=1, count=superpixels).astype(bool)
        return torch.from_numpy(labels.astype(np.int64)), torch.from_numpy(members), content["scores"]
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error):
        raise TensorFileError(f"{path} holds no region proposals; delete it and make them again") from None


def _squeezed(array: np.ndarray) -> Tensor:
    """The bytes of an array, compressed, as (B,) uint8."""
    return torch.frombuffer(bytearray(zlib.compress(array.tobytes(), LEVEL)), dtype=torch.uint8)


def _spread(squeezed: Tensor, dtype: type[np.generic]) -> np.ndarray:
    return np.frombuffer(zlib.decompress(squeezed.numpy().tobytes()), dtype)
