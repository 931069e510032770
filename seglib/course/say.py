"""Messages of the course: one box that is readable in colour, without colour, aloud and as plain text."""

from __future__ import annotations

import html
import re
from typing import Any

#: kind -> (sign, colour of the edge). The sign and the title say what the colour says.
KINDS = {
    "right": ("✓", "#2a7f62"),
    "wrong": ("✗", "#b3541e"),
    "not attempted": ("○", "#777777"),
    "not judged": ("▸", "#3b6fb6"),
    "note": ("▸", "#3b6fb6"),
}


def say(title: str, text: str = "", *, kind: str = "note", extra_html: str = "") -> None:
    """Show a box in a notebook, or print its text elsewhere.

    Args:
        title: a few words.
        text: sentences; `words in backticks` are set as code, lines are kept.
        kind: "right", "wrong", "not attempted" or "note".
        extra_html: shown below the text in a browser; decoration only, the text says the same.
    """
    show_bundle({"text/html": box(title, text, kind, extra_html), "text/plain": plain(title, text, kind)})


def show_bundle(bundle: dict[str, str]) -> None:
    """Display a mime bundle in IPython; print its text/plain elsewhere."""
    if ipython() is None:
        print(bundle["text/plain"])
        return
    from IPython.display import display

    display(bundle, raw=True)


def plain(title: str, text: str = "", kind: str = "note") -> str:
    """The box in plain text.

    Example:
        >>> plain("Right.", "2 of 4 pixels.", "right")
        '✓ Right. 2 of 4 pixels.'
    """
    return f"{KINDS[kind][0]} {title} {text}".rstrip().replace("\n ", "\n")


def box(title: str, text: str = "", kind: str = "note", extra_html: str = "") -> str:
    """The box in HTML: announced by screen readers, readable on light and dark pages."""
    sign, color = KINDS[kind]
    style = f"border-left:.4em solid {color};padding:.4em 1em;margin:.4em 0;max-width:46em"
    return (
        f'<div class="seglib-say" data-kind="{kind}" role="status" style="{style}"><strong>'
        f'<span aria-hidden="true" style="color:{color}">{sign}</span> {inline(title)}</strong> '
        f"{inline(text)}{extra_html}</div>"
    )


def inline(text: str) -> str:
    """Text as HTML: escaped, `code` in backticks, *emphasis* in stars, lines kept.

    Example:
        >>> inline("is `a < b` *always*, or 2 * 3 * 4?")
        'is <code>a &lt; b</code> <em>always</em>, or 2 * 3 * 4?'
    """
    # Every second part was between backticks, and is left as it is.
    parts = re.split(r"`([^`\n]+)`", html.escape(text, quote=False))
    parts[::2] = [
        re.sub(r"(?<![\w*])\*(?=\S)([^*\n]+)(?<=\S)\*(?!\w)", r"<em>\1</em>", part) for part in parts[::2]
    ]
    parts[1::2] = [f"<code>{part}</code>" for part in parts[1::2]]
    return "".join(parts).replace("\n", "<br>")


def code_block(source: str) -> str:
    """Source code as HTML."""
    return f"<pre><code>{html.escape(source, quote=False)}</code></pre>"


def ipython() -> Any:
    """The running IPython shell, or None; works without IPython installed."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return get_ipython()
