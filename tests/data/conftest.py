"""A mirror on this machine that can misbehave, and small data sets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from seglib.data.dataset import Instances, SegmentationDataset
from seglib.labels import Classes
from tests.data.strangers import write


@dataclass
class Mirror:
    """`files` by path; how a path misbehaves in `ways`; every request in `asked` as (path, Range header).

    Ways: "whole" ignores Range, "short" breaks off after `part` bytes of each answer, "slow" sends `part`
    bytes and then waits, "stuck" sends nothing, "busy" answers 503, "lies" sends as many other bytes.
    """

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    ways: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    part: int = 1000
    open: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"


def _answer(mirror: Mirror, request: BaseHTTPRequestHandler) -> None:
    path, asked = request.path.lstrip("/"), request.headers.get("Range")
    mirror.asked.append((path, asked))
    way = mirror.ways.get(path, "")
    if path not in mirror.files or way == "busy":
        request.send_error(503 if way == "busy" else 404)
        return
    content = mirror.files[path]
    if way == "stuck":
        mirror.open.wait(20)
        return
    start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and way != "whole" else 0
    if start >= len(content):
        request.send_error(416)
        return
    request.send_response(206 if start else 200)
    if start:
        request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    request.send_header("Content-Length", str(len(content) - start))
    request.end_headers()
    body = bytes(len(content)) if way == "lies" else content[start:]
    if way in ("short", "slow"):
        request.wfile.write(body[: mirror.part])
        request.wfile.flush()
        if way == "slow":
            mirror.open.wait(20)
        return
    request.wfile.write(body)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """A web server with nothing on it yet."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(served, self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        served = Mirror(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield served
        served.open.set()
        server.shutdown()
        thread.join()


def changed(content: Any, path: Sequence[str | int], value: object) -> Any:
    """JSON with one field changed, or removed if `value` is `...`; in place."""
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    if value is ...:
        del place[path[-1]]
    return content


class InMemory(SegmentationDataset):
    """Given masks, each with a grey image unless images are given too."""

    name, split = "memory", "train"

    def __init__(
        self,
        names: Iterable[str],
        masks: Sequence[Tensor],
        images: Sequence[Tensor] | None = None,
        instances: Sequence[Instances] | None = None,
    ) -> None:
        self.classes, self.masks, self.known = Classes.of(*names), [*masks], instances
        self.images = [*(images or (torch.full((3, *mask.shape), 128, dtype=torch.uint8) for mask in masks))]

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, index: int) -> tuple[Image, Mask]:
        return Image(self.images[index]), Mask(self.masks[index])

    def instances(self, index: int) -> Instances | None:
        return self.known[index] if self.known else None

    def named(self, *names: str) -> InMemory:
        """With classes of other names."""
        self.classes = Classes.of(*names)
        return self

    def spoilt(self, index: int, image: Callable | None = None, mask: Callable | None = None) -> InMemory:
        """With a sample that is no longer what it should be: its image or its mask, changed by a function."""
        for kept, change in ((self.images, image), (self.masks, mask)):
            kept[index] = change(kept[index]) if change else kept[index]
        return self


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """A maker of folders with images/, masks/ and classes.txt; no two images are alike."""

    def make(masks: Sequence[np.ndarray], names: str = "sea fish weed", split: str = "") -> Path:
        root = write(tmp_path / "reef", {"classes.txt": "\n".join(names.split())})
        for number, mask in enumerate(masks):
            pixels = np.random.default_rng([number, len(split)]).integers(0, 255, (*mask.shape, 3), np.uint8)
            name = f"{split}/{split}{number:03}.png"
            write(root, {f"images/{name}": pixels, f"masks/{name}": mask.astype(np.uint8)})
        return root

    return make
