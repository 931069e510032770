"""`python -m seglib train`: alone, and as two processes that do what one does."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.transforms.v2.functional import to_pil_image
from typer.testing import CliRunner, Result

from seglib import train as train_module
from seglib.__main__ import app
from seglib.backbones import NAMES
from seglib.fcn import FCNSegmenter
from seglib.files import TensorFileError
from seglib.labels import VOID
from seglib.metrics import confusion_matrix
from seglib.segmenters import NetSegmenter
from seglib.training import distributed
from tests.training.nets import Net, Squares

ROOT = Path(__file__).resolve().parent.parent
NET = "tests.training.nets:plain"


@pytest.fixture(autouse=True)
def cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where there is a GPU: with one, two processes are refused."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's data set: 6 images to train on and 5 to validate on."""
    splits = {"train": Squares(6), "val": Squares(5, split="val")}
    return write(tmp_path_factory.mktemp("squares"), splits)


def write(path: Path, splits: dict[str, Squares]) -> Path:
    """Write data sets as a folder of images and masks."""
    for split, squares in splits.items():
        for index, (image, mask) in enumerate(squares):
            for kind, photo in (("images", image), ("masks", mask.masked_fill(mask == VOID, 0)[None])):
                (path / kind / split).mkdir(parents=True, exist_ok=True)
                to_pil_image(photo).save(path / kind / split / f"{index}.png")
    (path / "classes.txt").write_text("background\nsquare\nedge\n")
    return path


def options(folder: Path, out: Path, *more: str) -> list[str]:
    common = ["--data", str(folder), "--net", NET, "--batch-size", "4", "--precision", "float32"]
    return ["train", *common, "--steps", "8", "--lr", "0.01", "--no-augment", "--out", str(out), *more]


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_it_trains_prints_the_table_and_resumes(folder: Path, tmp_path: Path) -> None:
    ran = command(*options(folder, tmp_path))
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.startswith("8 steps in ") and str(tmp_path / "segmenter.pt") in ran.stdout
    assert "5 images" in ran.stdout and "all background" in ran.stdout and "IoU of square" in ran.stdout
    assert "step 8 of 8, loss " in ran.stderr and "mean IoU" in ran.stderr
    again = command(*options(folder, tmp_path, "--steps", "12"))
    assert again.exit_code == 0 and "Resumed after step 8" in again.stderr and "12 steps" in again.stdout
    more = ("--no-resume", "--net", "fcn16s-small", "--steps", "1", "--size", "16", "20")
    anew = command(*options(folder, tmp_path, *more))
    assert anew.exit_code == 0 and "Resumed" not in anew.output
    segmenter = FCNSegmenter.load(tmp_path / "segmenter.pt")
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["net"]
    assert segmenter.size == (16, 20) and segmenter.classes.names == ("background", "square", "edge")
    assert all(torch.equal(value, state[name]) for name, value in segmenter.net.state_dict().items())
    with pytest.raises(TensorFileError, match=r"a checkpoint of a training run goes to train\(checkpoint="):
        FCNSegmenter.load(tmp_path / "checkpoint.pt")


def test_images_of_a_camera_are_scaled_and_it_is_said_before_the_first_step(tmp_path: Path) -> None:
    data = write(tmp_path / "data", {"train": Squares(3, (966, 1296))})
    options = ["--data", str(data), "--net", NET, "--steps", "1", "--out", str(tmp_path)]
    ran = command("train", *options)
    assert ran.exit_code == 0, ran.output
    said = "Training at 192 x 256 (the images are 966 x 1296), 8 images a step, in float32"
    assert ran.stderr.count(said) == 1
    assert NetSegmenter.load(tmp_path / "segmenter.pt", Net(3, norm=False)).size == (192, 256)


def test_a_data_set_without_val_is_trained_on_and_not_scored(folder: Path, tmp_path: Path) -> None:
    """As DRIVE is published: train and test."""
    data = shutil.copytree(folder, tmp_path / "data")
    for kind in ("images", "masks"):
        (data / kind / "val").rename(data / kind / "test")
    ran = command(*options(data, tmp_path))
    assert ran.exit_code == 0 and "8 steps" in ran.stdout and (tmp_path / "segmenter.pt").is_file()
    assert "no split 'val'; there is 'train', 'test'. Nothing is scored during the run." in ran.stderr


def test_what_was_interrupted_and_is_complete_by_now_says_so(folder: Path, tmp_path: Path) -> None:
    """Five steps are requested where eight were done: the scores are those of step 8, or none."""
    assert command(*options(folder, tmp_path)).exit_code == 0
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    torch.save(state | {"scores": state["scores"][:3]}, tmp_path / "checkpoint.pt")
    ran = command(*options(folder, tmp_path, "--steps", "5"))
    assert ran.exit_code == 0 and "already complete" in ran.stderr and "IoU of square" in ran.stdout


def test_only_the_last_step_is_kept_in_memory(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step holds a loss, on a GPU in its memory, and some hold a preview."""
    alive: list[weakref.ref[object]] = []
    most = 0

    def watched(*args: object, **kind: object) -> object:
        nonlocal most
        for step in original(*args, **kind):
            alive.append(weakref.ref(step))
            yield step
            del step
            most = max(most, sum(one() is not None for one in alive))

    original = train_module.train
    monkeypatch.setattr(train_module, "train", watched)
    assert command(*options(folder, tmp_path)).exit_code == 0
    assert len(alive) == 8 and most <= 2


@pytest.mark.parametrize(
    ("done", "said"),
    [(0, "there is no checkpoint yet"), (2, "checkpoint.pt is saved; the same command resumes")],
)
def test_ctrl_c_leaves_a_net_that_predicts_and_says_what_was_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: int, said: str
) -> None:
    def some_steps(*args: object, **kind: object) -> Any:
        yield from itertools.islice(original(*args, **kind), done)
        raise KeyboardInterrupt

    original = train_module.train
    monkeypatch.setattr(train_module, "train", some_steps)
    ran = command(*options(folder, tmp_path))
    assert ran.exit_code == 130 and said in ran.stderr
    if done:
        assert NetSegmenter.load(tmp_path / "segmenter.pt", Net(3, norm=False)).size == (24, 32)


def test_a_code_page_that_lacks_a_letter_loses_no_report(folder: Path, tmp_path: Path) -> None:
    """Redirected output on Windows; folder and class have letters that its Western code page lacks."""
    data = shutil.copytree(folder, tmp_path / "ζώα")
    (data / "classes.txt").write_text("background\nψάρι\nedge\n", "utf-8")
    environ = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "seglib", *options(data, tmp_path, "--steps", "1")]
    ran = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, timeout=180)
    said = ran.stdout.decode("cp1252")
    assert ran.returncode == 0 and "IoU of ????" in said, said + ran.stderr.decode("cp1252")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--net", "fcn8s-lite9"], f"no backbone 'lite9'; choose one of {', '.join(NAMES)}"),
        (["--net", "resnet"], "there is no such net (No module named 'resnet'); give fcn8s-, "),
        (["--net", "seglib.fcn:nothing"], "has no attribute 'nothing'"),
        (["--data", "nowhere"], "nowhere"),
        (["--seconds", "3"], "exactly one of steps=, epochs= and seconds=; got steps and seconds"),
    ],
)
def test_what_is_wrong_is_a_sentence(folder: Path, tmp_path: Path, more: list[str], words: str) -> None:
    ran = command(*options(folder, tmp_path, *more))
    assert ran.exit_code == 1 and words in ran.stderr and "Traceback" not in ran.output


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(ValueError, match=r"process 2 of this machine has no GPU of its own, there are 1"):
        distributed.init_processes()


def together(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Two processes of torchrun."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environ = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [*torchrun, *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=180
    )
    assert ran.returncode == 0, ran.stderr
    return ran


WITH_NORM = """
import torch
from seglib.train import train
from seglib.training import distributed
from tests.training.nets import LONG, Net, Squares
net, (device, rank) = Net(), distributed.init_processes()
options = LONG | {"steps": 6, "val": Squares(6, split="val"), "checkpoint": OUT}
*_, last = train(net, Squares(), **options)
assert last._loss.untyped_storage().nbytes() == 4, "a step holds on to all gradients"
torch.save([net.state_dict(), last.scores.confusion], f"{OUT}.{rank}")
"""


def test_the_net_that_two_processes_validate_is_the_one_that_is_saved(tmp_path: Path) -> None:
    """Batch norm averages other images in each of them."""
    script, path = tmp_path / "two.py", tmp_path / "a.pt"
    script.write_text(f"OUT = {str(path)!r}\n{WITH_NORM}")
    together(str(script))
    (first, counts), (second, again) = (torch.load(f"{path}.{rank}", weights_only=True) for rank in (0, 1))
    kept = torch.load(path, weights_only=True)["net"]
    for name, value in kept.items():
        assert torch.equal(first[name], value) and torch.equal(second[name], value), name
    net, val = Net(), Squares(6, split="val")
    net.load_state_dict(kept)
    alone = sum(
        confusion_matrix(net.eval()(image[None].float()).argmax(1)[0], mask.as_subclass(torch.Tensor), 3)
        for image, mask in val
    )
    assert torch.equal(counts, again) and torch.equal(counts, alone)


def test_two_processes_do_what_one_does(folder: Path, tmp_path: Path) -> None:
    """Batches of 5 in parts of 3 and 2: the same run, and every pixel counted once."""
    one, two = options(folder, tmp_path / "1", "--batch-size", "5"), options(folder, tmp_path / "2")
    assert command(*one).exit_code == 0
    ran = together("-m", "seglib", *two, "--batch-size", "5")
    assert ran.stdout.count("IoU of square") == 1 and ran.stderr.count("step 8 of 8") == 1
    alone, both = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("1", "2"))
    torch.testing.assert_close(both["losses"], alone["losses"], rtol=1e-5, atol=1e-6)
    for name, value in alone["net"].items():
        torch.testing.assert_close(both["net"][name], value, rtol=1e-4, atol=1e-5)
    for (_, scores), (_, others) in zip(alone["scores"], both["scores"], strict=True):
        assert torch.equal(scores["confusion"], others["confusion"])
        assert scores["confusion"].sum() == 5 * 24 * 32
