"""Tables of numbers that read well as text, in a notebook and with a screen reader."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

SHORT = 20  # letters of a cell that is never broken into lines, such as "0 of 3"; a longer one is a text


@dataclass(frozen=True)
class Table:
    """Rows of cells under a title; a notebook shows it as HTML, `print` as aligned text.

    Attributes:
        title: what the table is about.
        columns: one heading per column.
        rows: one cell per column; the first is the name of the row.
        note: what a reader must know to understand the numbers.

    Example:
        >>> print(Table("Two methods", ["", "mIoU %"], [["all background", "9.1"], ["fcn", "62.7"]]))
        Two methods
                        mIoU %
        all background     9.1
        fcn               62.7
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def __str__(self) -> str:
        """Aligned text."""
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines)]
        text = [
            "  ".join(
                [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]
            )
            for line in lines
        ]
        return "\n".join([self.title, *(line.rstrip() for line in text), *([self.note] if self.note else [])])

    def _repr_html_(self) -> str:
        """An HTML table with a caption, and headings tied to their rows and columns."""
        places = range(len(self.columns))
        texts = [place == 0 or any(len(row[place]) > SHORT for row in self.rows) for place in places]
        tags = ['th scope="row"', *("td" for _ in places[1:])]
        head = "".join(map(_cell, repeat('th scope="col"'), self.columns, texts))
        body = "".join(f"<tr>{''.join(map(_cell, tags, row, texts))}</tr>" for row in self.rows)
        caption = f'<caption style="text-align: left; font-weight: bold">{html.escape(self.title)}</caption>'
        table = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return table + (f"<p>{html.escape(self.note)}</p>" if self.note else "")


def _cell(tag: str, text: str, left: bool) -> str:
    whole = "; white-space: nowrap" * (tag == "td" and len(text) <= SHORT)
    style = f"text-align: {'left' if left else 'right'}; padding: 0.1em 0.8em{whole}"
    return f'<{tag} style="{style}">{html.escape(text)}</{tag[:2]}>'


class Tabled:
    """Anything with a property `table`: `print` shows it as aligned text, a notebook as HTML.

    Example:
        >>> class Sizes(Tabled):
        ...     table = Table("Sizes", ["", "pixels"], [["a", "12"]])
        >>> print(Sizes())
        Sizes
           pixels
        a      12
    """

    @property
    def table(self) -> Table:
        """What is shown."""
        raise NotImplementedError

    def __str__(self) -> str:
        """The table as text."""
        return str(self.table)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table as HTML."""
        return self.table._repr_html_()
