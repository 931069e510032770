import torch

from seglib.data.scenes import Scenes


def test_same_picture_again():
    first, again = Scenes(3, "val")[2], Scenes(9, "val")[2]
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
