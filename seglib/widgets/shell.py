"""The thin shell around a widget: traits in, errors out, and a copy of itself that needs no kernel."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from pathlib import Path
from typing import Any

import anywidget
import traitlets

_HERE = Path(__file__).parent
STYLE = (_HERE / "widget.css").read_text(encoding="utf-8")


def module(*names: str) -> str:
    """JavaScript files beside this one, joined into the one module that a front end loads."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


class Shell(anywidget.AnyWidget):
    """What the widgets share. Its state is in traits; the browser paints, and never waits for Python.

    An exception that an observer raises on a change from the browser is shown in the widget and raised again.
    Displayed, it carries a copy of itself as HTML, which works without a kernel and without a network, and
    its description as plain text.

    Attributes:
        error: what went wrong last, "" if nothing did.
    """

    _css = STYLE
    error = traitlets.Unicode("").tag(sync=True)
    # What the image consists of; sent once. Everything else that is synced is state.
    data = traitlets.Dict().tag(sync=True)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take a change from the browser; ipywidgets calls this."""
        try:
            super().set_state(sync_data)
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            raise
        self.error = ""

    def description(self) -> str:
        """The widget in words."""
        raise NotImplementedError

    def still(self) -> bytes:
        """The widget as one image (PNG or JPEG), for places that run no script."""
        raise NotImplementedError

    def to_html(self) -> str:
        """The widget as a piece of HTML: it works, in the state it has now, without kernel and network."""
        names = [name for name in self.traits(sync=True) if name not in anywidget.AnyWidget.class_traits()]
        state = {name: getattr(self, name) for name in names if not name.startswith("_")}
        return snapshot(str(self._esm), state, self.still(), self.description(), str(self._css))

    def __repr__(self) -> str:
        return self.description()

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/html": self.to_html()}, metadata


def snapshot(script: str, state: dict[str, Any], still: bytes, alt: str, style: str = STYLE) -> str:
    """A widget's module with its state in a piece of HTML; where scripts do not run, `still` is seen.

    Args:
        script: the module, which declares `export default`.
        state: the values of the model's traits; bytes anywhere in it arrive as bytes.
        still: a PNG or JPEG.
        alt: the widget in words.
        style: its style sheet.
    """
    packed = json.dumps(state, default=_bytes, separators=(",", ":"))
    kind = "png" if still.startswith(b"\x89PNG") else "jpeg"
    source = f"data:image/{kind};base64,{base64.b64encode(still).decode()}"
    name = hashlib.sha256((script + packed).encode()).hexdigest()[:12]
    boot = (
        module("snapshot.js")
        .replace('"NAME"', json.dumps(name))
        .replace('"STATE"', json.dumps(packed).replace("<", "\\u003c"))
    )
    return (
        f'<div data-seglib="{name}"><img src="{source}" alt="{html.escape(alt)}"></div>\n'
        f"<style>{style}</style>\n"
        f'<script type="module">\n{script.replace("export default", "const widgetModule =")}\n{boot}</script>'
    )


def _bytes(value: Any) -> dict[str, str]:
    """Bytes as JSON; anything else that JSON does not know is a mistake of ours."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(f"a snapshot cannot hold a {type(value).__name__}")
