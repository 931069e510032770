"""What leaves the library: outlines that give the mask back, results of `predict`, and nets as ONNX."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from typer.testing import CliRunner, Result

from seglib import backbones
from seglib.__main__ import app
from seglib.data.annotations import AnnotationSet, write_coco
from seglib.data.catalog import load
from seglib.data.coco import segmentation_mask
from seglib.data.files import read_image, read_labels
from seglib.export import find_images, outlined, predict_files
from seglib.fcn import FCN, FCNSegmenter, UNet
from seglib.labels import VOID, Classes
from seglib.segmenters import NetSegmenter

CLASSES = Classes.of("background", "crop", "weed")
PAGE = (Path(__file__).resolve().parent.parent / "docs" / "use.md").read_text("utf-8")
SCRIPTS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def filled(mask: Tensor, classes: Classes) -> NDArray[np.int64]:
    """The mask that a program gets which fills the outlines."""
    result = np.zeros(mask.shape, np.int64)
    for one in outlined(mask, classes, "a.jpg").annotations:
        flat = [[value for corner in polygon for value in corner] for polygon in one.polygons]
        result[segmentation_mask(flat, *mask.shape)] = classes.index(one.name)
    return result


def test_filled_outlines_are_the_mask_pixel_by_pixel() -> None:
    """Random pixels: holes, objects in holes, parts that meet at a corner, single pixels, whole images."""
    rng = np.random.default_rng(0)
    for number in range(60):
        size, share = tuple(rng.integers(1, 30, 2)), rng.random()
        values = rng.integers(0, 3, size) * (rng.random(size) < share)
        if number % 2:
            values = (cv2.GaussianBlur(rng.random(size), (0, 0), 2) * 9).astype(int) % 3
        assert (filled(torch.from_numpy(values), CLASSES) == values).all(), number


def test_an_outline_goes_around_a_hole_and_its_area_leaves_it_out(tmp_path: Path) -> None:
    mask = torch.ones(5, 6, dtype=torch.uint8)
    mask[1:3, 2:4] = 0
    mask[4, 5] = VOID
    image = outlined(mask, CLASSES, "a.jpg")
    assert [one.name for one in image.annotations] == ["crop"] and image.annotations[0].box == (0, 0, 6, 5)
    write_coco(tmp_path / "a.json", AnnotationSet(("crop", "weed"), (image,)))
    (entry,) = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert entry["area"] == 5 * 6 - 4 - 1 and len(entry["segmentation"]) == 1
    # another program: OpenCV's pixels are centres, so half a pixel less
    big = np.array(entry["segmentation"][0]).reshape(-1, 2) * 100
    canvas = cv2.fillPoly(np.zeros((500, 600), np.uint8), [big.astype(np.int32)], 1)
    assert (canvas[50::100, 50::100] == (mask == 1).numpy()).all()


@pytest.mark.photographs
@pytest.mark.parametrize("name", ["camvid", "pets"])
def test_masks_of_photographs_come_back(photographs: Path, name: str) -> None:
    dataset = load(name, "val", root=photographs).spread(4)
    for _, mask in dataset:
        known = mask.as_subclass(Tensor).long()
        back = torch.from_numpy(filled(known, dataset.classes))
        background = dataset.classes.background or 0
        expected = known.masked_fill(known == VOID, background)
        if dataset.classes.background is None:  # what has no object is 0 there
            back[known == VOID] = expected[known == VOID]
        assert (back != expected).float().mean() == 0
        known = known.where(known == 0, VOID)  # the holes that void leaves in the first class
        assert (torch.from_numpy(filled(known, Classes.of("a", "b"))) == 0).all()


class Reds(nn.Module):
    """Scores crop where red is high, weed where green is, else background."""

    num_classes = 3

    def forward(self, images: Tensor) -> Tensor:
        images = images.float()
        return torch.stack([images[:, 2], images[:, 0], images[:, 1]], dim=1)


def photograph(path: Path, size: tuple[int, int] = (8, 12), **options: Any) -> Path:
    """Left half red (crop), right half green (weed), one blue pixel (background)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[:, : size[1] // 2, 0], pixels[:, size[1] // 2 :, 1] = 255, 255
    pixels[0, 0] = 0, 0, 255
    Image.fromarray(pixels).save(path, **options)
    return path


def test_results_of_a_folder(tmp_path: Path) -> None:
    photograph(tmp_path / "in" / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter when shown
    photograph(tmp_path / "in" / "day 2" / "ä.jpg", (16, 32), exif=exif, quality=100, subsampling=0)
    (tmp_path / "in" / "torn.png").write_bytes((tmp_path / "in" / "a.png").read_bytes()[:60])
    (tmp_path / "in" / ".hidden.png").write_bytes(b"")
    out = tmp_path / "in" / "results"
    areas = predict_files(NetSegmenter(Reds(), CLASSES), [tmp_path / "in"], out)
    assert areas.names == ("a.png", "day 2/ä.jpg") and "torn.png" in areas.failed[0]
    assert areas.pixels[0].tolist() == [1, 47, 48] and "torn.png" in str(areas)
    assert "crop" in str(areas) and "in images" in str(areas)
    mask = read_labels(out / "masks" / "a.png")
    assert mask[0, 0] == 0 and (mask[1:, :6] == 1).all() and (mask[:, 6:] == 2).all()
    assert read_labels(out / "masks" / "day 2" / "ä.png").shape == (32, 16)  # upright, as the overlay
    assert read_image(out / "overlays" / "day 2" / "ä.jpg").shape == (3, 32, 16)
    lines = [*csv.DictReader((out / "areas.csv").open(encoding="utf-8"))]
    assert lines[1] == {"image": "a.png", "class": "crop", "pixels": "47", "percent": "48.958"}
    assert len(lines) == 6 and lines[3]["image"] == "day 2/ä.jpg"
    for file in ("day 2/ä.jpg", "a.png"):  # as another program lays it out: the images next to the file
        (out / file).parent.mkdir(exist_ok=True)
        (out / file).write_bytes((tmp_path / "in" / file).read_bytes())
    back = load(out / "annotations.json", "train") + load(out / "annotations.json", "val")
    masks = {number: back[number][1] for number in range(len(back))}
    assert back.classes.names == CLASSES.names
    assert any(found.shape == mask.shape and (found.numpy() == mask).all() for found in masks.values())
    before = (out / "areas.csv").read_bytes()
    with pytest.raises(ValueError, match=r"already holds results \(masks, .*--overwrite"):
        predict_files(NetSegmenter(Reds(), CLASSES), [tmp_path / "in"], out)
    assert (out / "areas.csv").read_bytes() == before
    again = predict_files(NetSegmenter(Reds(), CLASSES), [tmp_path / "in" / "a.png"], out, overwrite=True)
    assert again.names == ("a.png",) and not again.failed  # its own results were not taken for images


def test_where_images_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("day1/a.jpg", "day1/b.JPG", "day2/a.jpg", "day2/c.jfif", "notes.txt"):
        photograph(tmp_path / "x.jpg").parent.joinpath(name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((tmp_path / "x.jpg").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert [*find_images(["day*/a.jpg"])] == ["day1/a.jpg", "day2/a.jpg"]
    assert [*find_images([tmp_path / "day1"])] == ["a.jpg", "b.JPG"]
    assert [*find_images(["day1/a.jpg", "day1"])] == ["a.jpg", "b.JPG"]  # one file, named twice
    assert [*find_images(["day2"])] == ["a.jpg", "c.jfif"]
    assert [*find_images(["**/*.jpg"])] == ["day1/a.jpg", "day2/a.jpg", "x.jpg"]
    for places, error, words in [
        (["nowhere"], FileNotFoundError, "nowhere: no such file or folder, and no file has a name"),
        (["notes.txt"], ValueError, r"notes.txt: there is no image in it; files that are read end in \.bmp"),
        (["day1", "day2"], ValueError, r"day1.a\.jpg and day2.a\.jpg would be written to one file; rename"),
    ]:
        with pytest.raises(error, match=words):
            find_images(places)


def test_photographs_in_heic_are_not_forgotten(tmp_path: Path) -> None:
    for name in ("a.heic", "b.HEIC", "b.jpg", "._a.heic"):
        (tmp_path / name).touch()
    with pytest.warns(UserWarning, match=r"left out photographs in HEIC: 1\. Export them as JPEG"):
        assert [*find_images(tmp_path)] == ["b.jpg"]  # whose original is left out rightly
    (tmp_path / "b.jpg").unlink()
    with pytest.raises(ValueError, match=r"its photographs are in HEIC\. Export them as JPEG"):
        find_images(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("use", [find_images, load])
def test_a_name_that_no_json_file_can_hold_is_refused_before_the_work(tmp_path: Path, use: Any) -> None:
    photograph(tmp_path / "images/a.jpg").rename(tmp_path / "images" / os.fsdecode(b"caf\xe9.jpg"))
    with pytest.raises(ValueError, match=r"caf.udce9\.jpg': the file's name is not UTF-8; rename it"):
        use(tmp_path)


def command(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "net.pt"
    trained("small").save(path)
    return path


def trained(name: str, make: Any = FCN, **options: Any) -> FCNSegmenter:
    """A segmenter with random weights and statistics, as after training."""
    torch.manual_seed(0)
    backbone = backbones.load("small" if name == "centred" else name, pretrained=False)
    backbone.centred = name == "centred"  # as the cells of VGG's maps lie, which is a hundred times larger
    net = make(backbone, 3, *([8] if make is FCN else []))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    for weight in net.parameters():
        if weight.requires_grad and not weight.any():
            nn.init.normal_(weight, std=0.1)
    with torch.no_grad():  # no class wins everywhere
        net.score.bias -= net.eval()(torch.randint(0, 256, (1, 3, 96, 96)).float()).mean(dim=(0, 2, 3))
    return FCNSegmenter(net, CLASSES, **options)


def test_the_command(saved: Path, tmp_path: Path) -> None:
    photo = photograph(tmp_path / "a.png", (40, 50))
    ran = command(saved, photo, "--out", tmp_path / "out")
    assert ran.exit_code == 0, ran.output
    assert "Areas in 1 images" in ran.stdout and "1 masks, overlays, annotations.json" in ran.stdout
    written = read_labels(tmp_path / "out" / "masks" / "a.png")
    assert (written == trained("small").predict(read_image(photo)).numpy()).all()
    for arguments, words in [
        ([saved, photo, "--out", tmp_path / "out"], "already holds results"),
        ([tmp_path / "no.pt", photo, "--out", tmp_path / "b"], "no.pt: no such file"),
        ([photo, photo, "--out", tmp_path / "b"], "not a file of seglib"),
        ([saved, tmp_path / "no.jpg", "--out", tmp_path / "b"], "no.jpg: no such file or folder"),
        ([saved, photo, "--out", photo], "a.png"),
    ]:  # fmt: skip
        ran = command(*arguments)
        assert ran.exit_code == 1 and words in ran.stderr and "Traceback" not in ran.output, arguments
    assert not (tmp_path / "b").exists()
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    ran = command(saved, photo, tmp_path / "torn.png", "--out", tmp_path / "out", "--overwrite")
    assert ran.exit_code == 1 and "torn.png" in ran.stdout and "1 masks" in ran.stdout
    ran = command(saved, tmp_path / "torn.png", "--out", tmp_path / "c")
    assert ran.exit_code == 1 and "no image could be read" in ran.stderr


@pytest.mark.parametrize(
    ("name", "make"),
    [("lite0", FCN), ("small", FCN), ("small", UNet), ("centred", FCN), ("centred", UNet)],
)
def test_an_exported_net_scores_as_in_pytorch(tmp_path: Path, name: str, make: Any) -> None:
    segmenter = trained(name, make)
    segmenter.export(tmp_path / "net.onnx")
    about = json.loads((tmp_path / "net.json").read_text())
    assert about["classes"] == ["background", "crop", "weed"] and about["odd"] == int(name != "centred")
    assert about["size"] is None and about["scale"] == 1 and len(about["colors"]) == 3
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    opencv = cv2.dnn.readNetFromONNX(str(tmp_path / "net.onnx"))
    for height, width in ((64, 96), (160, 32), (32, 128)):
        images = torch.randint(0, 256, (1, 3, height + about["odd"], width + about["odd"])).float()
        with torch.no_grad():
            expected = segmenter.net(images)
        assert expected.std() > 0.01
        (scores,) = session.run(None, {"images": images.numpy()})
        torch.testing.assert_close(torch.from_numpy(scores), expected, atol=1e-4, rtol=1e-5)
        opencv.setInput(images.numpy())
        torch.testing.assert_close(torch.from_numpy(opencv.forward()), expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("size", [None, (64, 80)])
def test_the_script_on_the_page_needs_only_opencv(tmp_path: Path, size: tuple[int, int] | None) -> None:
    script = SCRIPTS[1]
    assert len([line for line in script.splitlines() if line]) <= 18
    assert set(re.findall(r"^import (.*)", script, re.MULTILINE)) == {"json, sys", "cv2"}
    segmenter = trained("small", size=size)
    segmenter.export(tmp_path / "net.onnx")
    rng = np.random.default_rng(0)
    for number, sides in enumerate([(50, 77), (96, 33)]):
        smooth = cv2.GaussianBlur(rng.random((*sides, 3)), (0, 0), 4)
        pixels = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)  # type: ignore[call-overload]
        Image.fromarray(pixels).save(tmp_path / "photo.png")
        result = tmp_path / f"{number}.png"
        arguments = [str(tmp_path / "net.onnx"), str(tmp_path / "photo.png"), str(result)]
        subprocess.run([sys.executable, "-c", script, *arguments], check=True)
        expected = segmenter.predict(read_image(tmp_path / "photo.png")).numpy()
        agreement = (read_labels(result) == expected).mean()
        assert len(np.unique(expected)) > 1 and agreement > (0.97 if size else 0.9999), agreement


def test_what_cannot_be_exported_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"Reds cannot be exported, only FCN and UNet"):
        NetSegmenter(Reds(), CLASSES).export(tmp_path / "net.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match="run `pip install onnx`"):
        trained("small").export(tmp_path / "net.onnx")
    assert [*tmp_path.iterdir()] == []


def test_the_way_from_a_folder_to_results_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's lines, with a small net for a second: nothing else is changed."""
    script = SCRIPTS[0]
    assert len([line for line in script.splitlines() if line]) <= 20
    rng = np.random.default_rng(0)
    for number in range(12):
        photograph(tmp_path / "fields" / "images" / f"{number}.png", (40, 48 + number))
        (tmp_path / "fields" / "masks").mkdir(exist_ok=True)
        mask = np.full((40, 48 + number), 1, np.uint8)
        mask[:, 24:], mask[rng.integers(40), 0] = 2, 0
        Image.fromarray(mask).save(tmp_path / "fields" / "masks" / f"{number}.png")
    (tmp_path / "fields" / "classes.txt").write_text("background\ncrop\nweed\n")
    photograph(tmp_path / "new" / "a.jpg", (40, 60))
    monkeypatch.chdir(tmp_path)
    exec(script.replace('"lite0"', '"small"').replace("seconds=60", "steps=2"), {})
    results = {path.name for path in (tmp_path / "results").iterdir()}
    assert results == {"annotations.json", "areas.csv", "masks", "overlays"}
    assert (tmp_path / "fields.onnx").stat().st_size > 10**6
    assert FCNSegmenter.load(tmp_path / "fields.pt").classes.names == CLASSES.names
