"""The thin shell around a widget: traits in, errors out, and a copy of itself that needs no kernel."""

import base64
import difflib
import hashlib
import json
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython.display import display, update_display

from seglib.draw import embedded

_HERE = Path(__file__).parent
STYLE = (_HERE / "widget.css").read_text(encoding="utf-8")
VIEW = "application/vnd.jupyter.widget-view+json"


class RefusedError(traitlets.TraitError, ValueError):
    """A value that a widget does not take. A TraitError, so that a change from the browser is rolled back."""


def module(*names: str) -> str:
    """JavaScript or CSS files from this folder, joined into the one text that a front end loads."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


def _base64(value: bytes) -> dict[str, str]:
    """Bytes as JSON; anything else that JSON cannot hold is a TypeError."""
    return {"base64": base64.b64encode(value).decode()}


def display_both(data: dict[str, Any], metadata: dict[str, Any], display_id: str | None = None) -> None:
    """Two outputs, the copy and the view: of one output JupyterLab shows only the view, alive or not."""
    view = {VIEW: data.pop(VIEW)}
    display(data, raw=True, display_id=display_id)
    display(view, metadata=metadata, raw=True)


class Shell(anywidget.AnyWidget):
    """What all widgets share. The state is in traits; the browser paints, and never waits for Python.

    An exception that an observer raises on a change from the browser is shown in the widget and raised again.
    Displayed, a widget carries a copy of itself as HTML, which works without a kernel and without a network,
    and its description as plain text; JupyterLab shows the still image of that copy where the kernel is gone.

    Args:
        **traits: the state to begin with, as in `opacity=0.3`.

    Attributes:
        error: what went wrong last; "" if nothing did.

    Raises:
        RefusedError: an option is misspelt, or a value is not allowed; a ValueError.
    """

    _css = STYLE
    _displayed = False
    error = traitlets.Unicode("").tag(sync=True)
    # What there is to show; sent once. Everything else that is synced is state.
    data = traitlets.Dict().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        known = set(self.trait_names()) - set(anywidget.AnyWidget.class_trait_names()) - {"data", "error"}
        for name in traits.keys() - set(self.trait_names()):
            close = difflib.get_close_matches(name, known, n=1)
            guess = f"did you mean {close[0]!r}? " if close else ""
            raise RefusedError(
                f"{type(self).__name__} has no option {name!r}; {guess}"
                f"The options are {', '.join(sorted(option for option in known if option[0] != '_'))}."
            )
        try:
            super().__init__(**traits)
        except traitlets.TraitError as error:
            raise RefusedError(str(error)) from None

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
        """The widget as one image, a PNG, for places that run no script."""
        raise NotImplementedError

    def to_html(self) -> str:
        """The widget as a piece of HTML: it works, in its present state, without kernel and network.

        Where no script runs, and in JupyterLab, it is a still image.
        """
        names = [name for name in self.traits(sync=True) if name not in anywidget.AnyWidget.class_traits()]
        state = {name: getattr(self, name) for name in names if not name.startswith("_")}
        packed = json.dumps(state, default=_base64, separators=(",", ":"))  # bytes arrive as bytes
        script = str(self._esm).replace("export default", "const widgetModule =")
        name = hashlib.sha256((script + packed).encode()).hexdigest()[:12]
        boot = module("snapshot.js").replace('"NAME"', json.dumps(name))
        boot = boot.replace('"STATE"', json.dumps(packed).replace("<", "\\u003c"))
        return (
            f'<div data-seglib="{name}">{embedded(self.still(), self.description())}'
            "<p>A still image. In JupyterLab, run the cell to use the widget.</p></div>\n"
            f"<style>{self._css}</style>\n"
            f'<script type="module">\n{script}\n{boot}</script>'
        )

    def __repr__(self) -> str:
        return self.description()

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/html": self.to_html()}, metadata

    def _ipython_display_(self, **options: Any) -> None:
        self._displayed = True
        display_both(*self._repr_mimebundle_(), display_id=self.model_id, **options)

    def renew_copy(self) -> None:
        """Bring the copy for places without a kernel up to date, wherever the widget is displayed."""
        if self._displayed:
            copy = {"text/html": self.to_html(), "text/plain": self.description()}
            update_display(copy, raw=True, display_id=self.model_id)


class Stage(Shell):
    """An image that can be zoomed, dragged and read out: the Python half of stage.js.

    Attributes:
        opacity: of the classes' colours, 0..1.
        zoom: 1 shows all of the image, 32 is the maximum.
        center: [x, y] in pixels of the image that is sent, what zooming keeps in the middle.
        height: the height of the image in CSS pixels, at most.
    """

    opacity = traitlets.Float(0.5, min=0, max=1).tag(sync=True)
    zoom = traitlets.Float(1.0, min=1, max=32).tag(sync=True)
    center = traitlets.List(traitlets.Float(), minlen=2, maxlen=2).tag(sync=True)
    height = traitlets.Int(480, min=100).tag(sync=True)

    def __init__(self, *, data: dict[str, Any], **state: Any) -> None:
        super().__init__(data=data, **{"center": [data["width"] / 2, data["height"] / 2]} | state)
