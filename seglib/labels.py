"""What a label is: classes with names and colours, and the one value that is no class, void (255)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VOID = 255


@dataclass(frozen=True)
class Classes:
    """The classes of a data set; class k has the name `names[k]` and the colour `colors[k]`.

    Attributes:
        names: K class names, in index order.
        colors: K colours, each (red, green, blue) in 0..255.
        void_color: the colour of pixels that belong to no class (value 255 in a mask).
    """

    names: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    void_color: tuple[int, int, int] = (224, 224, 192)

    def __len__(self) -> int:
        """K, the number of classes; void is not one of them."""
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        """The names in index order."""
        return iter(self.names)
