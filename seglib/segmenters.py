"""A trained net as a segmenter, and the one file format that every segmenter of this library is saved in."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from seglib import files
from seglib.data.dataset import SegmentationDataset
from seglib.data.in_memory import InMemoryDataset, Size, resized
from seglib.export import write_onnx
from seglib.files import TensorFileError
from seglib.labels import Classes, check_classes, check_image
from seglib.tiles import Scored, tile_side, tiled
from seglib.train import finish, train
from seglib.training.checks import check_data
from seglib.training.step import evaluating

FORMAT = "seglib segmenter 2"
OWN = ("name", "size", "scale")  # what a file holds of a NetSegmenter, besides its net and classes


class NetSegmenter:
    """Any net that scores every pixel, as a `Segmenter`.

    Args:
        net: images (N, 3, H, W) uint8 or float in 0..255 -> logits (N, K, H, W).
        classes: K names and colours.
        name: what a table calls it; by default the net's `title`, or the name of its class.
        size: (height, width) that an image is scaled to fit into, without distortion, before the net sees it:
            the size of the training images, so that objects are as large as they were there. None leaves
            images as they are.
        scale: further factor on the image that the net sees. A larger image makes the net's stride finer in
            terms of the original; choose it on the validation split. Time grows with its square.

    Raises:
        ValueError: the net has another number of classes, or `scale` is not positive and finite.

    Example:
        >>> class Net(nn.Conv2d):
        ...     def forward(self, images):
        ...         return super().forward(images / 255)
        >>> segmenter = NetSegmenter(Net(3, 2, 1), Classes.of("background", "fish"), size=(4, 4))
        >>> segmenter.predict(torch.zeros(3, 8, 6, dtype=torch.uint8)).shape
        torch.Size([8, 6])
    """

    def __init__(
        self, net: nn.Module, classes: Classes, *,
        name: str | None = None, size: Size | None = None, scale: float = 1.0,
    ) -> None:  # fmt: skip
        check_classes(classes)
        _check_num_classes(getattr(net, "num_classes", len(classes)), classes)
        if not 0 < scale < math.inf:
            raise ValueError(f"scale magnifies the image that the net sees; it must be above 0, not {scale}")
        self.net, self.classes = net, classes
        self.name = name or str(getattr(net, "title", type(net).__name__))
        self.size, self.scale = None if size is None else (int(size[0]), int(size[1])), float(scale)

    def predict(self, image: Tensor) -> Tensor:
        """The class of every pixel; large images go through the net in tiles, see `seglib.tiles`.

        The net is in evaluation mode meanwhile; afterwards, each of its modules is in the mode it was in.

        Args:
            image: (3, H, W) uint8, any size.

        Returns:
            (H, W) int64 class indices, on the image's device.

        Raises:
            ValueError: the image is not (3, H, W) uint8, or the net does not give K scores for every pixel.
        """
        check_image(image)
        pred = torch.empty(image.shape[1:], dtype=torch.int64, device=image.device)
        with evaluating(self.net), torch.inference_mode():
            for rows, columns, scores in self._scored(image):
                pred[rows, columns] = scores.argmax(dim=0)
        return pred

    def probabilities(self, image: Tensor) -> Tensor:
        """The probability of every class in every pixel; arguments and errors as for `predict`.

        Returns:
            (K, H, W) float32 that sum to 1 over the classes, on the image's device.
        """
        check_image(image)
        probabilities = torch.empty(len(self.classes), *image.shape[1:], device=image.device)
        with evaluating(self.net), torch.inference_mode():
            for rows, columns, scores in self._scored(image):
                probabilities[:, rows, columns] = scores.float().softmax(dim=0).to(image.device)
        return probabilities

    def fit(
        self, dataset: SegmentationDataset, val: SegmentationDataset | None = None, **options: Any
    ) -> Self:
        """Train the net, with a progress bar.

        Args:
            dataset: images with masks, of the same classes.
            val: validation images, scored now and then; None for none.
            options: further arguments of `seglib.train.train`: one of `steps`, `epochs` and `seconds`, `lr`
                and so on. `size` is the segmenter's own unless given. Where the images were scaled for
                training, the segmenter keeps their size: later images are shown to the net at that scale.

        Returns:
            The segmenter itself.

        Raises:
            ValueError: the data set has other classes, or what `train` raises.
        """
        check_data(dataset, self.classes)
        last = finish(train(self.net, dataset, val=val, **{"size": self.size} | options), self.name)
        in_files = not isinstance(dataset, InMemoryDataset)
        if self.size is None and in_files and last.size != tuple(dataset[0][1].shape):
            self.size = last.size
        return self

    def save(self, path: Path | str) -> None:
        """Write the weights and settings of this segmenter to one file, completely or not at all.

        Raises:
            DiskError: the disk is full or may not be written to.
        """
        weights = {name: value.cpu() for name, value in self.net.state_dict().items()}
        kind = f"{type(self.net).__module__}.{type(self.net).__qualname__}"
        content = {name: getattr(self, name) for name in OWN} | {"net": kind, "weights": weights}
        write(path, "net", self.classes, content | {"settings": getattr(self.net, "settings", {})})

    def export(self, path: Path | str) -> None:
        """Write the net as ONNX for programs without PyTorch; arguments and errors as for `write_onnx`."""
        write_onnx(path, self.net, self.classes, self.size, self.scale)

    @classmethod
    def load(cls, path: Path | str, net: nn.Module | None = None) -> Self:
        """Read what `save` wrote, without running code in it; the net is on the CPU and in evaluation mode.

        Args:
            path: the file.
            net: a net built like the saved one, which receives its weights. `FCNSegmenter` rebuilds its own
                `FCN` and `UNet` without it.

        Raises:
            FileNotFoundError: there is no such file.
            TensorFileError: it is cut off, damaged, not a segmenter, or of another net.
        """
        with read(path, "net") as (classes, content):
            net = net or cls.build(content["net"], content["settings"], content["weights"])
            if net is None:
                raise TensorFileError(
                    f"{path} is of a net of your own, {content['net']}; pass one like it: load(path, net=...)"
                )
            # Nets of other settings may have weights of the same shapes.
            here, there = getattr(net, "settings", {}), content["settings"]
            if other := [name for name in there if name in here and here[name] != there[name]]:
                was, now = (", ".join(f"{name} {one[name]}" for name in other) for one in (there, here))
                raise TensorFileError(f"{path} is of another net: {was} in the file and {now} here")
            files.fill(path, net, content["weights"])
            if not isinstance(content["name"], str):
                raise TypeError("name")
            return cls(net.eval(), classes, **{name: content[name] for name in OWN})

    @classmethod
    def build(cls, kind: str, settings: Mapping[str, Any], weights: Mapping[str, Tensor]) -> nn.Module | None:
        """A net like the saved one, for subclasses that know how to build it; None for an unknown kind."""
        return None

    def _scored(self, image: Tensor) -> Iterator[Scored]:
        """Rows and columns of the image with their scores on the net's device; parts of a large image."""
        device = next((weight.device for weight in self.net.parameters()), image.device)
        height, width = image.shape[1:]
        seen = self._resized(image.as_subclass(Tensor), device)
        side = tile_side(self._scores, seen, (height, width), len(self.classes))
        if side is not None:
            yield from tiled(self._scores, seen, (height, width), side, f"{self.name}, tile by tile")
            return
        scores = self._scores(seen[None])
        if scores.shape[2:] != (height, width):
            scores = interpolate(scores.float(), (height, width), mode="bilinear")
        yield slice(0, height), slice(0, width), scores[0]

    def _scores(self, images: Tensor) -> Tensor:
        """(1, 3, H, W) -> (1, K, H, W): what the net gives, checked."""
        logits = self.net(images)
        if not isinstance(logits, Tensor) or logits.ndim != 4 or logits.shape[2:] != images.shape[2:]:
            given = tuple(logits.shape) if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
            raise ValueError(
                f"{self.name} gives {given} for images {tuple(images.shape)}; it must give scores "
                "(N, K, H, W) with the same H and W: let it upsample them"
            )
        _check_num_classes(logits.shape[1], self.classes)
        return logits

    def _resized(self, image: Tensor, device: torch.device) -> Tensor:
        """The image as the net is to see it: uint8, or float32 in 0..255 where only `scale` changes it."""
        height, width = image.shape[1:]
        factor = self.scale
        if self.size is not None:
            high, wide = (round(side * self.scale) for side in self.size)
            factor = min(high / height, wide / width)
        inside = max(1, round(height * factor)), max(1, round(width * factor))
        if self.size is not None:
            return resized(image.cpu(), torch.zeros(height, width, dtype=torch.uint8), inside)[0].to(device)
        image = image.to(device)
        if factor == 1:
            return image
        return interpolate(image[None].float(), inside, mode="bilinear", antialias=self.scale < 1)[0]


def write(path: Path | str, kind: str, classes: Classes, content: Mapping[str, Any]) -> None:
    """Save a segmenter to one file; an older file stays until the new one is complete.

    Args:
        path: the file; its folder is made.
        kind: a word for what is saved, such as "net"; `read` asks for it.
        classes: K names and colours.
        content: everything else: tensors, numbers, strings, None, and lists and dicts of these.

    Raises:
        DiskError: the disk is full or may not be written to.
    """
    colors = [list(color) for color in (*classes.colors, classes.void_color)]
    head = {"format": FORMAT, "kind": kind, "names": list(classes.names), "colors": colors}
    files.write(Path(path), head | dict(content))


@contextmanager
def read(path: Path | str, kind: str) -> Iterator[tuple[Classes, dict[str, Any]]]:
    """The classes and the content that `write` saved, read without running code from the file.

    Rebuild the segmenter inside the `with` block: an error there, such as a KeyError, is reported as a
    damaged file.

    Args:
        path: the file.
        kind: what was given to `write`.

    Raises:
        FileNotFoundError: there is no such file.
        TensorFileError: it is cut off, damaged, not a segmenter, or of another kind.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write(f"{folder}/a.pt", "threshold", Classes.of("background", "fish"), {"value": 100})
        ...     with read(f"{folder}/a.pt", "threshold") as (classes, content):
        ...         print(classes.names, content["value"])
        ('background', 'fish') 100
    """
    content = files.read(path)
    if content.get("format") != FORMAT:
        raise TensorFileError(
            f"{path} is not a saved segmenter of this version of seglib; train and save it again (a "
            "checkpoint of a training run goes to train(checkpoint=...))"
        )
    other = content.get("kind")
    if isinstance(other, str) and other != kind:
        raise TensorFileError(
            f"{path} is a saved segmenter of the kind {other!r:.60}, not {kind!r}; load it with the class "
            "that saved it"
        )
    try:
        if other != kind:
            raise TypeError("kind")
        *colors, void = ((red, green, blue) for red, green, blue in content["colors"])
        yield Classes(tuple(content["names"]), tuple(colors), void), content
    except TensorFileError:
        raise
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, RuntimeError) as error:
        raise TensorFileError(
            f"{path}: a part of the segmenter is missing or damaged ({files.first_line(error)}); save anew"
        ) from None


def _check_num_classes(num_classes: int, classes: Classes) -> None:
    if num_classes != len(classes):
        raise ValueError(
            f"the net scores {num_classes} classes, but there are {len(classes)} names "
            f"({', '.join(classes)}); build the net with num_classes={len(classes)}"
        )
