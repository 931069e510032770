"""Nets as segmenters: judged, saved, loaded, and told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seglib import backbones
from seglib import files as tensor_files
from seglib.evaluate import evaluate
from seglib.fcn import FCN, FCNSegmenter, UNet
from seglib.files import TensorFileError
from seglib.labels import Classes
from seglib.scenes import CLASSES, Scenes

TWO = Classes(("background", "fish"), ((0, 0, 0), (9, 8, 7)), void_color=(1, 2, 3))


def fcn(stride: int = 8, **options: object) -> FCN:
    torch.manual_seed(0)
    net = FCN(backbones.load("small"), 2, stride=stride, **options)  # type: ignore[arg-type]
    for score in (net.score, *net.skips.values()):
        nn.init.normal_(score.weight)
    return net


class Own(nn.Module):
    """A net that is neither FCN nor U-Net."""

    def __init__(self, num_scores: int = 2) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, num_scores, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images / 255)


def image(*size: int) -> Tensor:
    return torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_the_judge_takes_it() -> None:
    segmenter = FCNSegmenter(FCN(backbones.load("small"), len(CLASSES)), CLASSES, name="mine")
    scores = evaluate(segmenter, Scenes(length=2, size=(40, 50)))
    assert (scores.name, scores.images) == ("mine", 2)


@pytest.mark.parametrize("size", [(1, 1), (33, 47)])
def test_the_mask_is_the_best_score_and_the_mode_stays(size: tuple[int, int]) -> None:
    net = fcn().train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    mask = FCNSegmenter(net, TWO).predict(image(*size))
    assert net.training and mask.shape == size and mask.dtype == torch.int64
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    with torch.no_grad():
        assert torch.equal(mask, net.eval()(image(*size)[None])[0].argmax(0))


def test_a_frozen_backbone_stays_frozen() -> None:
    net = fcn().freeze().train()
    FCNSegmenter(net, TWO).predict(image(8, 8))
    assert net.training and not net.backbone.training


@pytest.mark.parametrize(
    ("net", "name"),
    [
        (fcn(), "FCN-8s small"),
        (fcn(32, learned=True), "FCN-32s small"),
        (UNet(backbones.load("small"), 2, widths=(8, 8, 8, 8)), "UNet small"),
        (FCN(backbones.load("lite0"), 2, stride=16), "FCN-16s lite0"),
    ],
)
def test_loaded_it_predicts_the_same(net: nn.Module, name: str, tmp_path: Path) -> None:
    saved = FCNSegmenter(net, TWO)
    saved.save(tmp_path / "net.pt")
    loaded = FCNSegmenter.load(tmp_path / "net.pt")
    assert loaded.name == name and loaded.classes == TWO and not loaded.net.training
    assert type(loaded.net) is type(net) and loaded.net.settings == net.settings
    with torch.no_grad():
        images = image(50, 33)[None]
        assert torch.equal(loaded.net(images), net.eval()(images))


def test_a_net_of_ones_own_is_handed_in(tmp_path: Path) -> None:
    saved, path = FCNSegmenter(Own(), TWO), tmp_path / "own.pt"
    saved.save(path)
    loaded = FCNSegmenter.load(path, net=Own())
    assert loaded.name == "Own" and torch.equal(loaded.predict(image(5, 6)), saved.predict(image(5, 6)))
    with pytest.raises(TensorFileError, match=r"own.pt is of a net of your own, Own; give one like it"):
        FCNSegmenter.load(path)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (torch.zeros(3, 4, 4), r"uint8, not \(3, 4, 4\) torch.float32"),
        (torch.zeros(4, 4, dtype=torch.uint8), r"not \(4, 4\)"),
        (torch.zeros(1, 4, 4, dtype=torch.uint8), r"not \(1, 4, 4\)"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), r"not \(1, 3, 4, 4\)"),
        (torch.zeros(3, 0, 4, dtype=torch.uint8), r"have no pixels"),
    ],
)
def test_bad_images_get_one_sentence(image: Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FCNSegmenter(fcn(), TWO).predict(image)


def test_another_number_of_classes_gets_one_sentence() -> None:
    with pytest.raises(
        ValueError, match=r"scores 2 classes, but there are 3 names \(a, b, c\).*num_classes=3"
    ):
        FCNSegmenter(fcn(), Classes.of("a", "b", "c"))
    with pytest.raises(ValueError, match="the net scores 5 classes, but there are 2 names"):
        FCNSegmenter(Own(5), TWO).predict(image(4, 4))


def test_a_file_of_another_net_gets_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    FCNSegmenter(fcn(8), TWO).save(path)
    with pytest.raises(
        TensorFileError, match=r"net.pt is of another net: stride 8 in the file and stride 32 here"
    ):
        FCNSegmenter.load(path, net=fcn(32))
    with pytest.raises(TensorFileError, match="num_classes 2 in the file and num_classes 5 here"):
        FCNSegmenter.load(path, net=FCN(backbones.load("small"), 5, stride=8))
    FCNSegmenter(nn.Conv2d(3, 2, 1), TWO).save(path)
    with pytest.raises(TensorFileError, match=r"weight is \(2, 3, 1, 1\) in the file and \(5, 3, 1, 1\)"):
        FCNSegmenter.load(path, net=nn.Conv2d(3, 5, 1))


@pytest.mark.parametrize("part", ["names", "colors", "net", "settings", "weights", "name"])
@pytest.mark.parametrize("value", [None, 3, [], {"no_such": 1}])
def test_a_file_that_lacks_a_part_gets_one_sentence(part: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    FCNSegmenter(fcn(), TWO).save(path)
    content = tensor_files.read(path)
    content[part] = value
    tensor_files.write(path, content)
    if (part, value) == ("name", None):
        assert FCNSegmenter.load(path).name == "FCN-8s small"
        return
    with pytest.raises(ValueError, match=r"net\.pt|class|colou?r"):
        FCNSegmenter.load(path)


def test_a_file_of_something_else_gets_one_sentence(tmp_path: Path) -> None:
    tensor_files.write(tmp_path / "net.pt", {"weights": torch.ones(3)})
    with pytest.raises(
        TensorFileError, match="is no saved segmenter; a checkpoint of a training goes to train"
    ):
        FCNSegmenter.load(tmp_path / "net.pt")
    with pytest.raises(FileNotFoundError, match="no such file"):
        FCNSegmenter.load(tmp_path / "none.pt")


class Middle(nn.Module):
    """Tells pixels brighter than 100 apart, and remembers which size it saw."""

    num_classes = 2

    def forward(self, images: Tensor) -> Tensor:
        self.seen = tuple(images.shape[2:])
        bright = images.float().mean(1, keepdim=True) - 100
        return torch.cat([-bright, bright], 1)


@pytest.mark.parametrize(("enlarge", "seen"), [(1.5, (6, 9)), (2.0, (8, 12)), (0.5, (2, 3)), (0.01, (1, 1))])
def test_the_net_sees_an_enlarged_copy_and_the_mask_keeps_its_size(enlarge: float, seen: tuple) -> None:
    image = torch.zeros(3, 4, 6, dtype=torch.uint8)
    image[:, :, 3:] = 200
    net = Middle()
    mask = FCNSegmenter(net, TWO, enlarge=enlarge).predict(image)
    assert net.seen == seen
    assert mask.shape == (4, 6)
    if enlarge > 0.5:
        assert mask[:, :2].eq(0).all() and mask[:, 4:].eq(1).all()


def test_how_much_it_enlarges_is_saved_and_must_be_above_0(tmp_path: Path) -> None:
    FCNSegmenter(fcn(), TWO, enlarge=1.5).save(tmp_path / "net.pt")
    again = FCNSegmenter.load(tmp_path / "net.pt")
    assert again.enlarge == 1.5
    assert again.predict(image(20, 30)).equal(FCNSegmenter(fcn(), TWO, enlarge=1.5).predict(image(20, 30)))
    with pytest.raises(ValueError, match="above 0; got 0"):
        FCNSegmenter(fcn(), TWO, enlarge=0)


def test_afterwards_each_part_is_in_the_mode_it_was_in() -> None:
    net = fcn().train()
    net.backbone.eval()
    before = [module.training for module in net.modules()]
    FCNSegmenter(net, TWO).predict(image(20, 30))
    assert [module.training for module in net.modules()] == before and len(set(before)) == 2


class Gives(nn.Module):
    """A net that gives always the same."""

    def __init__(self, what: object) -> None:
        super().__init__()
        self.what = what

    def forward(self, images: Tensor) -> object:
        return self.what


@pytest.mark.parametrize("enlarge", [1.0, 2.0])
@pytest.mark.parametrize(
    ("what", "said"),
    [(torch.zeros(1, 2, 5, 5), r"gives \(1, 2, 5, 5\) for images \(1, 3, "),
     (torch.zeros(20, 30), r"gives \(20, 30\) for images"),
     ({"out": torch.zeros(1, 2, 20, 30)}, r"gives a dict for images .* scores \(N, K, H, W\)")],
)  # fmt: skip
def test_what_is_no_score_for_every_pixel_gets_one_sentence(what: object, said: str, enlarge: float) -> None:
    with pytest.raises(ValueError, match=said):
        FCNSegmenter(Gives(what), TWO, enlarge=enlarge).predict(image(20, 30))


def test_no_pixels_and_no_end_of_enlarging_get_one_sentence() -> None:
    with pytest.raises(ValueError, match="have no pixels"):
        FCNSegmenter(fcn(), TWO, enlarge=2).predict(image(0, 4))
    with pytest.raises(ValueError, match="above 0; got inf"):
        FCNSegmenter(fcn(), TWO, enlarge=float("inf"))


def test_numbers_of_numpy_are_saved_as_those_of_python(tmp_path: Path) -> None:
    """A choice of `np.linspace`, say; NumPy's own numbers in a file would have to be run to be read."""
    black, grey = (tuple(np.array([value] * 3)) for value in (0, 90))
    classes = Classes(("background", "fish"), (black, grey), void_color=(1, 2, 3))
    net = UNet(backbones.load("small"), np.int64(2), widths=tuple(np.array([8, 8, 4, 4])))  # type: ignore[arg-type]
    FCNSegmenter(net, classes, enlarge=np.linspace(1, 2, 3)[1]).save(tmp_path / "net.pt")
    again = FCNSegmenter.load(tmp_path / "net.pt")
    assert again.enlarge == 1.5 and again.classes.colors == ((0, 0, 0), (90, 90, 90))
    assert FCN(backbones.load("small"), np.int64(2)).settings["num_classes"] == 2  # type: ignore[arg-type]


def test_a_net_of_ones_own_that_is_called_like_ours_is_not_taken_for_it(tmp_path: Path) -> None:
    class UNet(Gives):
        pass

    FCNSegmenter(UNet(torch.zeros(1, 2, 4, 4)), TWO).save(tmp_path / "net.pt")
    with pytest.raises(TensorFileError, match=r"is of a net of your own, .*UNet; give one like it"):
        FCNSegmenter.load(tmp_path / "net.pt")


def test_kernels_that_were_learned_are_not_put_into_a_net_that_has_none(
    tmp_path: Path,
) -> None:
    FCNSegmenter(fcn(learned=True), TWO).save(tmp_path / "net.pt")
    assert FCNSegmenter.load(tmp_path / "net.pt").net.learned
    with pytest.raises(TensorFileError, match="learned True in the file and learned False here"):
        FCNSegmenter.load(tmp_path / "net.pt", net=fcn())


def test_a_net_on_a_backbone_without_its_classifier_is_loaded(tmp_path: Path) -> None:
    whole = FCN(backbones.load("lite0", pretrained=False), 2)
    assert len(whole.hidden)
    FCNSegmenter(FCN(whole.backbone, 2), TWO).save(tmp_path / "net.pt")
    assert not len(FCNSegmenter.load(tmp_path / "net.pt").net.hidden)
