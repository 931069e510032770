"""One table for all files of trained things: complete or absent, checked, and unable to run a program."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seglib import backbones, files, segmenters
from seglib.data.dataset import SegmentationDataset
from seglib.fcn import FCN, FCNSegmenter, UNet
from seglib.files import DiskError, TensorFileError
from seglib.labels import Classes
from seglib.regions.features import RegionFeatures
from seglib.regions.segmenter import RegionSegmenter
from seglib.regions.svm import LinearSVMs
from seglib.segmenters import NetSegmenter
from seglib.train import finish, train
from tests.weak.samples import Blobs

TWO = Classes(("background", "fish"), ((0, 0, 0), (9, 8, 7)), void_color=(1, 2, 3))


class Own(nn.Conv2d):
    """A net that is neither FCN nor U-Net."""

    def __init__(self, num_classes: int = 2) -> None:
        super().__init__(3, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images / 255)


def own() -> NetSegmenter:
    torch.manual_seed(0)
    return NetSegmenter(Own(), TWO, name="own", size=(12, 20), scale=1.5)


def fcn(stride: int = 8, **options: Any) -> FCNSegmenter:
    torch.manual_seed(0)
    net = FCN(backbones.load("small"), 2, stride=stride, **options)
    for score in (net.score, *net.skips.values()):
        nn.init.normal_(score.weight)
    return FCNSegmenter(net, TWO, scale=1.5)


def unet() -> FCNSegmenter:
    torch.manual_seed(0)
    return FCNSegmenter(UNet(backbones.load("small"), 2), TWO, size=(16, 16))


def checkpoint(path: Path, net: nn.Module | None = None) -> list[Tensor]:
    """The weights after three steps, or after resuming from them."""
    torch.manual_seed(0)
    net, data = net or Own(), Blobs()
    finish(train(net, data, steps=3, batch_size=2, augment=None, device="cpu", checkpoint=path))
    return [weight.detach() for weight in net.parameters()]


def image(height: int = 21, width: int = 34) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=rng)


def predictions(segmenter: Any) -> list[Tensor]:
    return [segmenter.probabilities(image()), segmenter.predict(image())]


def regions() -> RegionSegmenter:
    features = RegionFeatures(backbones.load("small", pretrained=False), size=32)
    segmenter = RegionSegmenter(TWO, features=features, number=10)
    weights = torch.randn(2, 512, generator=torch.Generator().manual_seed(0))
    segmenter.svms = LinearSVMs(weights, torch.ones(2))
    return segmenter


def learned(segmenter: RegionSegmenter) -> list[Tensor]:
    assert segmenter.svms is not None
    nets = segmenter.extractor.features.backbone.state_dict().values()
    return [segmenter.svms.weights, segmenter.svms.bias, *nets]


class Format(NamedTuple):
    """`save` writes a file and returns what must come back; `load` returns it from the file."""

    save: Callable[[Path], list[Tensor]]
    load: Callable[[Path], list[Tensor]]


def saving(make: Callable[[], Any], content: Callable[[Any], list[Tensor]] = predictions) -> Callable:
    def save(path: Path) -> list[Tensor]:
        segmenter = make()
        segmenter.save(path)
        return content(segmenter)

    return save


FORMATS = {
    "tensors": Format(
        lambda path: files.write(path, {"weights": torch.ones(20)}) or [torch.ones(20)],
        lambda path: [files.read(path)["weights"]],
    ),
    "own net": Format(saving(own), lambda path: predictions(NetSegmenter.load(path, net=Own()))),
    "fcn": Format(saving(fcn), lambda path: predictions(FCNSegmenter.load(path))),
    "unet": Format(saving(unet), lambda path: predictions(FCNSegmenter.load(path))),
    "regions": Format(saving(regions, learned), lambda path: learned(RegionSegmenter.load(path))),
    "checkpoint": Format(checkpoint, checkpoint),
}
every = pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
small = pytest.mark.parametrize("form", [FORMATS["tensors"], FORMATS["own net"]], ids=["tensors", "own net"])
segmenter = pytest.mark.parametrize("form", [FORMATS["own net"], FORMATS["fcn"]], ids=["own net", "fcn"])


@every
def test_loaded_it_is_the_same_and_nothing_else_is_left(form: Format, tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.pt"
    saved, loaded = form.save(path), form.load(path)
    assert len(saved) == len(loaded) and all(map(torch.equal, saved, loaded))
    assert [file.name for file in path.parent.iterdir()] == ["a.pt"]


@every
def test_a_file_cut_off_anywhere_gets_one_sentence(form: Format, tmp_path: Path) -> None:
    form.save(path := tmp_path / "a.pt")
    complete = path.read_bytes()
    for length in [*range(0, len(complete), max(97, len(complete) // 15)), len(complete) - 1]:
        path.write_bytes(complete[:length])
        with pytest.raises(TensorFileError, match=r"a\.pt is cut off") as error:
            form.load(path)
        assert "\n" not in str(error.value)


@small
def test_a_damaged_file_gets_one_sentence_or_is_read(form: Format, tmp_path: Path) -> None:
    form.save(path := tmp_path / "a.pt")
    complete, refused = path.read_bytes(), 0
    size = len(complete)
    for place in [*range(0, size, 23), *range(size - 99, size)]:  # the last 98 bytes say where all else lies
        path.write_bytes(complete[:place] + bytes([complete[place] ^ 255]) + complete[place + 1 :])
        try:
            form.load(path)
        except TensorFileError as error:
            refused += 1
            assert "a.pt" in str(error) and "\n" not in str(error)
    assert refused


class Program:
    """Writes a file when it is unpickled, as an evil file could."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple:
        return Path.touch, (self.proof,)


@every
@pytest.mark.parametrize("save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_program_in_a_file_is_not_run(form: Format, save: Callable, tmp_path: Path) -> None:
    path, proof = tmp_path / "a.pt", tmp_path / "proof"
    save({"weights": Program(proof)}, path)
    with pytest.raises(TensorFileError, match=r"a\.pt (contains more than tensors|is cut off)"):
        form.load(path)
    assert not proof.exists()
    torch.load(path, weights_only=False) if save is torch.save else pickle.loads(path.read_bytes())
    assert proof.exists()  # it would have been


@every
def test_something_else_gets_one_sentence(form: Format, tmp_path: Path) -> None:
    torch.save(torch.ones(3), path := tmp_path / "a.pt")
    with pytest.raises(TensorFileError, match=r"a\.pt holds a Tensor"):
        form.load(path)
    with pytest.raises(TensorFileError, match="is a folder"):
        form.load(tmp_path)
    if form is not FORMATS["tensors"]:
        files.write(path, {"format": "seglib segmenter 1", "weights": torch.ones(3)})  # as of an older seglib
        with pytest.raises(TensorFileError, match=r"a\.pt is (not|no) "):
            form.load(path)
    if form is not FORMATS["checkpoint"]:  # there, it is where a new training run begins
        with pytest.raises(FileNotFoundError, match="no such file"):
            form.load(tmp_path / "none.pt")


def test_a_disk_that_refuses_to_flush_keeps_the_file_and_one_that_loses_bytes_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Network shares and FUSE mounts answer EINVAL, ENOTSUP or EPERM to fsync; EIO is a loss."""
    path = tmp_path / "a.txt"
    for code in (errno.EINVAL, errno.ENOTSUP, errno.EPERM):
        monkeypatch.setattr(os, "fsync", mock.Mock(side_effect=OSError(code, "refused")))
        files.write_text(path, str(code))
        assert path.read_text() == str(code)
    monkeypatch.setattr(os, "fsync", mock.Mock(side_effect=OSError(errno.EIO, "lost")))
    with pytest.raises(OSError, match="lost"):
        files.write_text(path, "new")
    assert path.read_text() == str(errno.EPERM) and [*tmp_path.iterdir()] == [path]


@every
def test_on_a_full_disk_the_old_file_stays(
    form: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form is FORMATS["checkpoint"]:
        pytest.skip("a checkpoint that cannot be written does not stop the training run, it warns")
    form.save(path := tmp_path / "a.pt")
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match="the disk is full"):
        form.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.pt"]


@segmenter
@pytest.mark.parametrize(
    "part", ["names", "colors", "name", "size", "scale", "net", "settings", "weights", "kind"]
)
@pytest.mark.parametrize("value", [None, 3, [], {"no_such": 1}, "absent"])
def test_a_part_that_is_missing_or_wrong_gets_one_sentence(
    form: Format, part: str, value: object, tmp_path: Path
) -> None:
    form.save(path := tmp_path / "a.pt")
    content = files.read(path)
    del content[part]
    if value != "absent":
        content[part] = value
    files.write(path, content)
    fine = (part, value) in [("size", None), ("scale", 3)]
    if form is FORMATS["own net"]:  # the net is handed in, and it has no settings
        fine |= part == "net" or (part == "settings" and value in ([], {"no_such": 1}))
    if fine:
        form.load(path)
        return
    with pytest.raises(TensorFileError, match=r"a\.pt") as error:
        form.load(path)
    assert "\n" not in str(error.value)


OTHERS = {
    "stride": (fcn, lambda: fcn(32).net, "stride 8 in the file and stride 32 here"),
    "classes": (fcn, lambda: FCN(backbones.load("small"), 5, stride=8), "num_classes 2 in the file and"),
    "kernels": (lambda: fcn(learned=True), lambda: fcn().net, "learned True in the file and learned False"),
    "shape": (own, lambda: Own(5), r"weight is \(2, 3, 1, 1\) in the file and \(5, 3, 1, 1\) here"),
    "kind": (own, lambda: nn.Linear(2, 2), r"of 2 tensors differ"),
}


@pytest.mark.parametrize(("make", "other", "reason"), OTHERS.values(), ids=OTHERS)
def test_a_file_of_another_net_is_refused(
    make: Callable, other: Callable, reason: str, tmp_path: Path
) -> None:
    make().save(path := tmp_path / "a.pt")
    net = other()
    before = [weight.clone() for weight in net.state_dict().values()]
    with pytest.raises(TensorFileError, match=rf"a\.pt is of another net: .*{reason}"):
        FCNSegmenter.load(path, net=net)
    assert all(map(torch.equal, before, net.state_dict().values()))


def test_a_net_of_ones_own_must_be_handed_in(tmp_path: Path) -> None:
    class UNet(Own):
        """One that only has the name of ours."""

    NetSegmenter(UNet(), TWO).save(path := tmp_path / "a.pt")
    for kind in (NetSegmenter, FCNSegmenter):
        with pytest.raises(TensorFileError, match=r"is of a net of your own, .*UNet; pass one like it"):
            kind.load(path)
    segmenters.write(path, "regions", TWO, {})
    with pytest.raises(TensorFileError, match="of the kind 'regions', not 'net'"):
        NetSegmenter.load(path, net=Own())


def test_numbers_of_numpy_are_saved_as_those_of_python(tmp_path: Path) -> None:
    """A scale from `np.linspace`, say: NumPy's own numbers in a file would have to be run to be read."""
    black, grey = (tuple(np.array([value] * 3)) for value in (0, 90))
    classes = Classes(("background", "fish"), (black, grey), void_color=(1, 2, 3))
    net = FCN(backbones.load("small"), np.int64(2), stride=np.int64(8))  # type: ignore[arg-type]
    size = tuple(np.array([16, 24]))
    FCNSegmenter(net, classes, size=size, scale=np.linspace(1, 2, 3)[1]).save(tmp_path / "a.pt")
    again = FCNSegmenter.load(tmp_path / "a.pt")
    assert (again.size, again.scale, again.classes.colors) == ((16, 24), 1.5, ((0, 0, 0), (90, 90, 90)))


def test_the_fit_of_a_loaded_segmenter_can_be_continued(tmp_path: Path) -> None:
    data: SegmentationDataset = Blobs()
    fresh = NetSegmenter(Own(), data.classes)
    fresh.fit(data, steps=2, batch_size=2, device="cpu").save(tmp_path / "a.pt")
    again = NetSegmenter.load(tmp_path / "a.pt", net=Own())
    assert all(map(torch.equal, fresh.net.parameters(), again.net.parameters()))
    again.fit(data, steps=2, batch_size=2, device="cpu")
    assert not torch.equal(again.net.weight, fresh.net.weight)
