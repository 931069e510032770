"""A widget on a plain page, with a kernel of a few lines: for what needs a browser and no JupyterLab."""

import base64
import json
import re
from pathlib import Path
from typing import Any

from anywidget import AnyWidget
from playwright.sync_api import Locator, Page

BYTES = """const bytes = (_, value) =>
  value?.base64 === undefined ? value : Uint8Array.from(atob(value.base64), (letter) => letter.charCodeAt(0));
"""
# The model remembers; `answers(change)` gives the traits that the kernel sets after a change in the browser.
KERNEL = """
const state = JSON.parse(STATE, bytes), listeners = new EventTarget();
let sent = {};
window.sent = [];
window.put = (trait, value) => {
  state[trait] = value;
  listeners.dispatchEvent(new Event(`change:${trait}`));
};
const model = {
  get: (trait) => state[trait],
  set: (trait, value) => ((sent[trait] = value), window.put(trait, value)),
  save_changes() {
    const change = sent;
    sent = {};
    window.sent.push(change);
    const answer = Object.entries(answers(change));
    setTimeout(() => answer.forEach(([trait, value]) => window.put(trait, value)), 5);
  },
  on: (event, listener) => listeners.addEventListener(event, listener),
  off: (event, listener) => listeners.removeEventListener(event, listener),
};
window.model = model;
await shown.render({ model, el: document.querySelector("main:not([data-ready])") });
document.querySelector("main:not([data-ready])").dataset.ready = "";
"""


def show(page: Page, *widgets: AnyWidget, answers: str = "const answers = () => ({});") -> None:
    """Open widgets on an empty page, in this order; `answers` is the JavaScript that plays the kernel.

    Each has the style sheet of a widget that a front end has loaded: it stays in the page's head.
    """
    page.set_content("<body></body>")
    for number, widget in enumerate(widgets, start=1):
        names = [name for name in widget.traits(sync=True) if name not in AnyWidget.class_traits()]
        state = {name: getattr(widget, name) for name in names if not name.startswith("_")}
        module = str(widget._esm).replace("export default", "const shown =")
        script = f"{module}\n{BYTES}{answers}\n{KERNEL.replace('STATE', quoted(state))}"
        page.evaluate(
            """([style, script]) => {
                const [sheet, code] = [document.createElement("style"), document.createElement("script")];
                sheet.textContent = style;
                document.head.append(sheet);
                document.body.append(document.createElement("main"));
                Object.assign(code, { type: "module", textContent: script });
                document.body.append(code);
            }""",
            [str(widget._css), script],
        )
        page.locator(f"main[data-ready] >> nth={number - 1}").wait_for(timeout=20_000)


def exported(page: Page, widget: AnyWidget, folder: Path) -> Locator:
    """The card of a widget's exported copy, on a page without a network."""
    html = f"<!doctype html><meta charset=utf-8>{widget.to_html()}"
    return read(page, html, folder).locator(".seglib-card")


def read(page: Page, html: str, folder: Path) -> Page:
    """A file in a browser without a network."""
    file = folder / "export.html"
    file.write_text(html, encoding="utf-8")
    page.route(re.compile("^(?!file:|blob:|data:)"), lambda route: route.abort())
    page.goto(file.as_uri())
    return page


def quoted(value: Any) -> str:
    """Data, bytes included, as the JavaScript string that `JSON.parse(..., bytes)` reads."""
    text = json.dumps(value, default=lambda content: {"base64": base64.b64encode(content).decode()})
    return json.dumps(text).replace("<", "\\u003c")
