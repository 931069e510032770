"""A net that was taught by boxes, as a segmenter: fit, predict, save, load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from seglib import files as tensor_files
from seglib.data.dataset import SegmentationDataset
from seglib.files import TensorFileError
from seglib.labels import Classes
from seglib.weak.given import Given, Size
from seglib.weak.labelled import Labelled
from seglib.weak.one_round import MakeNet, Round
from seglib.weak.relabel import Relabel
from seglib.weak.round_files import fill, weights
from seglib.weak.rounds import rounds
from seglib.weak.schemes import Scheme, pseudo_labels
from seglib.weak.trained import Trained

FORMAT = "seglib weak segmenter 1"


class WeakSegmenter:
    """Boxes in, masks out: labels by a scheme, then one or more rounds of training.

    Args:
        make_net: makes a fresh net for K classes, or a net that is trained in place.
        classes: K names and colours, one of them "background".
        scheme: how the first labels are made, see `seglib.weak.schemes.pseudo_labels`.
        settings: what the scheme takes, such as {"propose": propose}.
        most: rounds at most; 1 trains on the first labels alone.
        relabel: how the next round's labels are made, see `seglib.weak.rounds.rounds`.
        size: (height, width) of the training, and of what the net sees later.
        seed: of the fresh net and of every training.
        name: what a table calls it.
        training: what `train` takes: one of `steps`, `epochs`, `seconds`; `lr`, `batch_size`, ...

    Attributes:
        rounds: every round of the last `fit`; empty after `load`.
        net: the trained net, for instance to save it as an `FCNSegmenter`.

    Example:
        >>> from seglib.scenes import Scenes
        >>> class Net(nn.Conv2d):
        ...     def forward(self, images):
        ...         return super().forward(images / 255)
        >>> scenes = Scenes(length=2, size=(32, 32))
        >>> make_net = lambda: Net(3, len(scenes.classes), 1)
        >>> weak = WeakSegmenter(make_net, scenes.classes, scheme="rectangles", steps=1, batch_size=2)
        >>> weak.fit(scenes).predict(scenes[0][0]).shape
        torch.Size([32, 32])
    """

    def __init__(
        self,
        make_net: MakeNet | nn.Module,
        classes: Classes,
        *,
        scheme: str | Scheme = "grabcut+",
        settings: Mapping[str, Any] | None = None,
        most: int = 1,
        relabel: Relabel | None = None,
        size: Size | None = None,
        seed: int = 0,
        name: str | None = None,
        **training: Any,
    ) -> None:
        self.make_net, self.classes, self.scheme, self.settings = make_net, classes, scheme, settings or {}
        self.plan = {"most": most, "relabel": relabel, "size": size, "seed": seed, **training}
        self.name = name or f"boxes, {scheme if isinstance(scheme, str) else scheme.__name__}"
        self.rounds: list[Round] = []
        self._trained: Trained | None = None

    @property
    def net(self) -> nn.Module:
        """The trained net, in evaluation mode; ValueError before there is one."""
        return self._ready().net

    def fit(
        self,
        dataset: SegmentationDataset,
        boxes: Sequence[Given] | None = None,
        val: SegmentationDataset | None = None,
        *,
        folder: Path | str | None = None,
        jobs: int | None = None,
    ) -> WeakSegmenter:
        """Make labels and train; the net of the round that is best on `val` is kept, without it the last.

        Args:
            dataset: images; their masks are not learned from. A `Labelled` is taken as it is, so that some
                of its masks may be true ones.
            boxes: one `Given` an image; None for those that the data set knows.
            val: a few images with true masks, to choose the round and to stop.
            folder: keeps rounds and the running training, and goes on where they were left.
            jobs: processes that make labels.

        Returns:
            Itself.

        Raises:
            ValueError: other classes, or what `pseudo_labels`, `rounds` and `train` raise.
        """
        if dataset.classes.names != self.classes.names:
            raise ValueError(
                f"{dataset.name} has the classes {', '.join(dataset.classes)}; this segmenter is made for "
                f"{', '.join(self.classes)}"
            )
        if isinstance(dataset, Labelled):
            labels = dataset
        else:
            labels = pseudo_labels(dataset, self.scheme, boxes=boxes, jobs=jobs, **self.settings)
        self.rounds, best, kept = [], float("-inf"), {}
        for one in rounds(self.make_net, labels, val=val, folder=folder, jobs=jobs, **self.plan):
            self.rounds.append(one)
            score = one.scores.mean_iou if one.scores else float(one.number)
            if score > best:
                best, kept = score, weights(one.net)
        net = self.rounds[-1].net
        net.load_state_dict(kept)
        self._trained = Trained(net.eval(), self.classes, self.rounds[-1].segmenter.size, self.name)
        return self

    def predict(self, image: Tensor) -> Tensor:
        """The class of every pixel.

        Args:
            image: (3, H, W) uint8, any size.

        Returns:
            (H, W) int64 class indices, on the CPU.

        Raises:
            ValueError: the image is something else, or nothing was fitted or loaded.
        """
        return self._ready().predict(image)

    def save(self, path: Path | str) -> None:
        """Write weights, classes, size and name to one file, all of it or nothing.

        Raises:
            ValueError: nothing was fitted.
            DiskError: the disk is full or may not be written to.
        """
        trained = self._ready()
        content = {
            "format": FORMAT,
            "name": self.name,
            "names": list(self.classes.names),
            "colors": [list(color) for color in (*self.classes.colors, self.classes.void_color)],
            "size": list(trained.size),
            "net": type(trained.net).__name__,
            "weights": weights(trained.net),
        }
        tensor_files.write(Path(path), content)

    @classmethod
    def load(cls, path: Path | str, make_net: MakeNet | nn.Module) -> WeakSegmenter:
        """Read what `save` wrote; nothing in the file is run.

        Args:
            path: the file.
            make_net: makes a net like the one that was saved, or is one; it gets the weights.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is cut off, damaged, something else, or of another net; the sentence says which.
        """
        path = Path(path)
        content = tensor_files.read(path)
        if content.get("format") != FORMAT:
            raise TensorFileError(f"{path} is no segmenter that was taught by boxes; give what save() wrote")
        net = make_net if isinstance(make_net, nn.Module) else make_net()
        try:
            colors = [(red, green, blue) for red, green, blue in content["colors"]]
            classes = Classes(tuple(content["names"]), tuple(colors[:-1]), colors[-1])
            fill(net, content["weights"], path)
            height, width = content["size"]
            loaded = cls(make_net, classes, size=(height, width), name=content["name"])
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise TensorFileError(f"{path} lacks a part of a segmenter ({error}); save it anew") from None
        loaded._trained = Trained(net.eval(), classes, (height, width), loaded.name)
        return loaded

    def _ready(self) -> Trained:
        if self._trained is None:
            raise ValueError(f"{self.name} has learned nothing yet; call fit(dataset), or load a saved one")
        return self._trained
