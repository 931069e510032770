"""`python -m seglib train`: alone, and as two processes that do what one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torchvision.transforms.v2.functional import to_pil_image
from typer.testing import CliRunner

from seglib import train_command
from seglib.__main__ import app
from seglib.backbones import NAMES
from seglib.labels import VOID
from seglib.metrics import confusion_matrix
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
    """A data set of one's own: 6 images to train on and 5 to validate, two of them odd ones out."""
    path = tmp_path_factory.mktemp("squares")
    for split, count in (("train", 6), ("val", 5)):
        for index, (image, mask) in enumerate(Squares(count, split=split)):
            for kind, photo in (("images", image), ("masks", mask.masked_fill(mask == VOID, 0)[None])):
                (path / kind / split).mkdir(parents=True, exist_ok=True)
                to_pil_image(photo).save(path / kind / split / f"{index}.png")
    (path / "classes.txt").write_text("background\nsquare\nedge\n")
    return path


def options(folder: Path, out: Path, *more: str) -> list[str]:
    common = ["--data", str(folder), "--net", NET, "--batch-size", "4", "--precision", "float32"]
    return ["train", *common, "--steps", "8", "--lr", "0.01", "--no-augment", "--out", str(out), *more]


def test_it_trains_prints_the_table_and_goes_on(folder: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, options(folder, tmp_path))
    assert ran.exit_code == 0, ran.output
    assert ran.output.startswith("8 steps in ") and str(tmp_path / "checkpoint.pt") in ran.output
    assert "5 images" in ran.output and "all background" in ran.output and "IoU of square" in ran.output
    again = CliRunner().invoke(app, options(folder, tmp_path, "--steps", "12"))
    assert again.exit_code == 0 and "Going on after step 8" in again.output and "12 steps" in again.output
    anew = CliRunner().invoke(app, options(folder, tmp_path, "--no-resume"))
    assert anew.exit_code == 0 and "Going on" not in anew.output


def test_what_was_stopped_and_is_over_by_now_says_so(folder: Path, tmp_path: Path) -> None:
    """Five steps are asked for where eight were done: its scores are those of step 8, or none."""
    assert CliRunner().invoke(app, options(folder, tmp_path)).exit_code == 0
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    torch.save(state | {"scores": state["scores"][:3]}, tmp_path / "checkpoint.pt")
    ran = CliRunner().invoke(app, options(folder, tmp_path, "--steps", "5"))
    assert ran.exit_code == 0 and "over already" in ran.output and "IoU of square" in ran.output, ran.output


def test_ctrl_c_says_what_was_kept(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train_command, "run", stop)
    ran = CliRunner().invoke(app, options(folder, tmp_path))
    assert ran.exit_code == 130 and "Stopped before anything was learnt" in ran.output
    (tmp_path / "checkpoint.pt").touch()
    ran = CliRunner().invoke(app, options(folder, tmp_path))
    assert ran.exit_code == 130 and "What was learnt is in" in ran.output


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--net", "fcn8s-lite9"], f"no backbone 'lite9'; choose one of {', '.join(NAMES)}"),
        (["--net", "resnet"], "--net resnet: there is no such net; give fcn8s-, "),
        (["--net", "seglib.fcn:nothing"], "has no attribute 'nothing'"),
        (["--data", "nowhere"], "nowhere"),
        (["--seconds", "3"], "give one of steps=, epochs= or seconds=, not steps and seconds"),
    ],
)
def test_what_is_wrong_is_a_sentence(folder: Path, tmp_path: Path, more: list[str], words: str) -> None:
    ran = CliRunner().invoke(app, options(folder, tmp_path, *more))
    assert ran.exit_code == 1 and words in ran.output and "Traceback" not in ran.output


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(ValueError, match=r"process 2 of this machine has no GPU of its own, there are 1; st"):
        distributed.init_processes()


def test_nets_by_name() -> None:
    net = train_command.build("fcn16s-small", 5, pretrained=False)
    assert net(torch.zeros(1, 3, 33, 40, dtype=torch.uint8)).shape == (1, 5, 33, 40)


def together(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Two processes of torchrun."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environ = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=180
    )


WITH_NORM = """
import torch
from seglib.train import train
from seglib.training import distributed
from tests.training.nets import LONG, Net, Squares
distributed.init_processes()
net, rank = Net(), distributed.rank_and_world_size()[0]
settings = LONG | {"steps": 6, "val": Squares(6, split="val"), "checkpoint": OUT}
*_, last = train(net, Squares(), **settings)
assert last._loss.untyped_storage().nbytes() == 4, "a step holds on to all gradients"
torch.save([net.state_dict(), last.scores.confusion], f"{OUT}.{rank}")
"""


def test_the_net_that_two_processes_judge_is_the_one_that_is_kept(tmp_path: Path) -> None:
    """Batch norm averages other images in each of them."""
    script, path = tmp_path / "two.py", tmp_path / "a.pt"
    script.write_text(f"OUT = {str(path)!r}\n{WITH_NORM}")
    ran = together(str(script))
    assert ran.returncode == 0, ran.stderr
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
    """Batches of 5 in shares of 3 and 2: the same training, and every pixel counted once."""
    one, two = options(folder, tmp_path / "1", "--batch-size", "5"), options(folder, tmp_path / "2")
    assert CliRunner().invoke(app, one).exit_code == 0
    ran = together("-m", "seglib", *two, "--batch-size", "5")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("IoU of square") == 1
    alone, both = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("1", "2"))
    torch.testing.assert_close(both["losses"], alone["losses"], rtol=1e-5, atol=1e-6)
    for name, value in alone["net"].items():
        torch.testing.assert_close(both["net"][name], value, rtol=1e-4, atol=1e-5)
    for row, other in zip(alone["scores"], both["scores"], strict=True):
        assert torch.equal(row["confusion"], other["confusion"])
        assert row["confusion"].sum() == 5 * 24 * 32
