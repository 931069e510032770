"""Weights from the internet, without the internet."""

import email.message
import io
import urllib.request
from pathlib import Path

import pytest
import torch
from torchvision.models import resnet18

from seglib import backbones
from seglib.backbones import WeightsError

FILE = "resnet18-f37072fd.pth"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for downloads, and a network in which nobody answers."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the port of `discard`, where nothing listens
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr(urllib.request, "_opener", None)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_offline_says_what_to_use_instead_and_the_others_still_load(cache):
    with pytest.raises(WeightsError, match=r"resnet18 are not on this machine.*\(.*refused.*\); use 'lite0'"):
        backbones.load("resnet18")
    assert not list(cache.iterdir())
    assert backbones.load("lite0").name == "lite0"
    assert backbones.load("resnet18", pretrained=False).name == "resnet18"


def test_downloaded_weights_need_no_network_and_a_damaged_file_is_named(cache):
    torch.manual_seed(3)
    net = resnet18(weights=None).eval()
    torch.save(net.state_dict(), cache / FILE)
    images = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = net((images / 255 - mean[:, None, None]) / std[:, None, None])
        torch.testing.assert_close(backbones.load("resnet18").classify(images), expected)
    whole = (cache / FILE).read_bytes()
    (cache / FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=f"damaged; delete .*{FILE}"):
        backbones.load("resnet18")


class Liar(urllib.request.HTTPSHandler):
    """A server that sends something else."""

    def https_open(self, request: urllib.request.Request) -> urllib.request.addinfourl:
        headers = email.message.Message()
        headers["Content-Length"] = "4"
        answer = urllib.request.addinfourl(io.BytesIO(b"oops"), headers, request.full_url, 200)
        answer.msg = "OK"
        return answer


def test_a_wrong_download_is_not_kept(cache, monkeypatch):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Liar())
    monkeypatch.setattr(urllib.request, "_opener", opener)
    with pytest.raises(WeightsError, match="resnet18 are damaged"):
        backbones.load("resnet18")
    assert not (cache / FILE).exists()
