"""Messages of the course: one box that is readable in colour, without colour, aloud and as plain text."""

from __future__ import annotations

import html
import re

from seglib.draw import show_html

#: kind -> (sign, colour of the edge). The sign and the title say what the colour says.
KINDS = {
    "right": ("✓", "#2a7f62"),
    "wrong": ("✗", "#b3541e"),
    "not attempted": ("○", "#777777"),
    "not judged": ("▸", "#3b6fb6"),
    "note": ("▸", "#3b6fb6"),
}


def say(title: str, text: str = "", *, kind: str = "note", code: str = "") -> None:
    """Show a box in a notebook, or print its text elsewhere.

    Screen readers announce it; it is readable on light and dark pages.

    Args:
        title: a few words.
        text: sentences; `words in backticks` are set as code, lines are kept.
        kind: one of `KINDS`.
        code: a block of code below the text.
    """
    sign, color = KINDS[kind]
    style = f"border-left:.4em solid {color};padding:.4em 1em;margin:.4em 0;max-width:46em"
    block = f"<pre><code>{html.escape(code, quote=False)}</code></pre>" if code else ""
    box = (
        f'<div class="seglib-say" data-kind="{kind}" role="status" style="{style}"><strong>'
        f'<span aria-hidden="true" style="color:{color}">{sign}</span> {inline(title)}</strong> '
        f"{inline(text)}{block}</div>"
    )
    plain = f"{sign} {title} {text}".rstrip().replace("\n ", "\n")
    show_html(box, f"{plain}\n{code}" if code else plain)


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
