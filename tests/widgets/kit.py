"""What the tests of several widgets share: what was packed for the browser, and what every widget keeps."""

from __future__ import annotations

import io
import re
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from seglib.data.dataset import Instances
from seglib.widgets.shell import Shell


def refused_from_the_browser(sentence: str, widget: Shell, **state: object) -> None:
    """A change that arrives from the browser is refused, the student reads why, and nothing changes."""
    before = {name: getattr(widget, name) for name in state}
    with pytest.raises(ValueError, match=sentence):
        widget.set_state(state)
    assert re.search(sentence, widget.error) and before == {name: getattr(widget, name) for name in state}


def needs_nothing(widget: Shell) -> str:
    """Displayed, a widget carries its words and a copy without network and with one script; returns that."""
    (shown, _), (again, _) = widget._repr_mimebundle_(), widget._repr_mimebundle_()
    page: str = shown["text/html"]
    assert page == again["text/html"]  # no address, no id of a model: nbval compares it
    assert shown["text/plain"] == repr(widget) == widget.description()
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert not re.findall(r"https?://(?!www\.w3\.org)|//cdn|src=\"(?!data:)", page)
    assert page.count("</script>") == 1 and "export default" not in page
    assert widget.still().startswith(b"\x89PNG")
    return page


def pixels(file: bytes) -> np.ndarray:
    """(H, W, 3) uint8: an image file."""
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def labels(packed: bytes, width: int, kind: str = "u1") -> Tensor:
    """(H, width) int64: a label map as it is sent."""
    return torch.from_numpy(np.frombuffer(zlib.decompress(packed), kind).reshape(-1, width).astype(int))


def instances(masks: Tensor, *kinds: int) -> Instances:
    """Objects of these masks (M, H, W), all of class 1 by default, whose boxes nobody looks at."""
    classes = torch.tensor(kinds or [1] * len(masks)).long()
    return Instances(masks, classes, torch.zeros(len(masks), 4, dtype=torch.int64))
