"""The checks of notebook 05b."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import torch
from scipy.ndimage import label
from torch import Tensor, nn
from torch.nn.functional import interpolate

from seglib.course.content.nb05a.checks import tiny_net
from seglib.course.content.nb05b.answers import bilinear_kernel, fuse, measure_statistics, train_step
from seglib.course.lesson import Wrong
from seglib.evaluate import OracleStride
from seglib.losses import cross_entropy

SIDE = (128, 128)
LEAST, BAR = 10.0, 40.0  # % of the pixels that an object has at least; % IoU below which nobody can draw it


def check_bilinear_kernel(fn: Callable[[int], Tensor]) -> str:
    """05b.1: odd and even kernels, and that enlarging a constant map gives it back."""
    for size in (3, 4, 16):
        kernel, wanted = fn(size), bilinear_kernel(size)
        kernel = kernel.float()
        if torch.allclose(kernel, wanted, atol=1e-5):
            continue
        if torch.allclose(kernel, wanted / wanted.sum(), atol=1e-5):
            raise Wrong(
                "Yours sums to 1, as a blur does. But a new pixel that lies on a cell must get all of that "
                "cell's score: where the size is odd, the top is 1."
            )
        if (kernel == kernel[0, 0]).all():
            raise Wrong("Yours is flat. That copies each score into a block: nearest neighbour.")
        if torch.allclose(kernel[[0, -1]], 0 * wanted[[0, -1]], atol=1e-6):
            raise Wrong("Your border is 0. The first 0 is one step outside the kernel.")
        roof = wanted[:, (size - 1) // 2] / wanted[:, (size - 1) // 2].amax()
        if torch.allclose(kernel / kernel.amax(), torch.minimum(roof[:, None], roof), atol=1e-4):
            raise Wrong("A pyramid, but with flat sides: the smaller roof. The two roofs are multiplied.")
        raise Wrong(
            f"For size {size} the top row should be {_row(wanted)}; yours is {_row(kernel)}. "
            "How far is each place from the middle?"
        )
    return "A pyramid. In the paper, the enlargements by 2 begin as this and are trained; the last one stays."


def _row(kernel: Tensor) -> str:
    return " ".join(f"{value:.3g}" for value in kernel[0, :6].tolist())


def check_fuse(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """05b.2: cells of the coarse map lie on every second cell of the fine one; the sum of both."""
    rng = torch.Generator().manual_seed(1)
    for height, width in ((3, 4), (2, 5)):
        coarse = torch.rand(2, 3, height, width, generator=rng)
        fine = torch.rand(2, 3, 2 * height - 1, 2 * width - 1, generator=rng)
        got, wanted = fn(coarse, fine), fuse(coarse, fine)
        if not torch.allclose(got, wanted, atol=1e-4):
            _compare_fused(got, wanted, coarse, fine)
    for given in ((coarse.clone().requires_grad_(), fine), (coarse, fine.clone().requires_grad_())):
        if not fn(*given).requires_grad:
            raise Wrong(
                "The numbers are right, but have no gradient, so a score layer could not learn. Use torch's "
                "operations on both maps to the end, without NumPy, .data or detach()."
            )
    return "The coarse scores are enlarged, the fine scores are added. That is the whole skip."


def _compare_fused(got: Tensor, wanted: Tensor, coarse: Tensor, fine: Tensor) -> None:
    size = fine.shape[2:]
    if torch.allclose(got, wanted - fine, atol=1e-4) or torch.allclose(got, fine):
        raise Wrong("One of the two is missing: the scores are added.")
    if torch.allclose(got, wanted / 2, atol=1e-4):
        raise Wrong("That is the mean. FCN adds: how much each counts is learned.")
    if torch.allclose(got, interpolate(coarse, size=size, mode="nearest") + fine, atol=1e-4):
        raise Wrong("You copied blocks. Bilinear means: the scores between two cells lie between theirs.")
    if torch.allclose(got, interpolate(coarse, size=size, mode="bilinear") + fine, atol=1e-4):
        raise Wrong(
            "Yours is bilinear, but shifted: it puts the outer edges of both maps on each other. Here coarse "
            f"cell (1, 1) lies on fine cell (2, 2), so {coarse[0, 0, 1, 1]:.2f} is added there; you added "
            f"{(got - fine)[0, 0, 2, 2]:.2f}."
        )
    if torch.allclose((got - fine)[..., 1:-1, 1:-1], (wanted - fine)[..., 1:-1, 1:-1], atol=1e-4):
        raise Wrong("Inside, yours is right; at the border it is not. How large is the padding?")
    raise Wrong("The shape is right, the numbers are not. Enlarge the coarse scores bilinearly, then add.")


def check_train_step(fn: Callable[[nn.Module, Tensor, Tensor, torch.optim.Optimizer], float]) -> str:
    """05b.3: two steps equal the course's; void teaches nothing; the net is in training mode."""
    rng = torch.Generator().manual_seed(2)
    images = torch.randint(0, 256, (2, 3, 8, 8), generator=rng).to(torch.uint8)
    masks = torch.randint(0, 3, (2, 8, 8), generator=rng).to(torch.uint8)
    masks[:, :3] = 255
    mine = tiny_net(0)
    yours = copy.deepcopy(mine).eval()
    before = copy.deepcopy(yours)
    losses = []
    optimisers = [torch.optim.SGD(net.parameters(), lr=0.5) for net in (mine, yours)]
    for number in (1, 2):
        wanted = train_step(mine, images, masks, optimisers[0])
        got = fn(yours, images, masks, optimisers[1])
        losses.append((float(got), wanted))
        if number == 1:
            _look_at_first(losses[0], _other_losses(before, images, masks), before, yours, mine)
    if not _same(mine, yours):
        raise Wrong(
            "The first step is right, the second is not: the old gradients are still there. Set them to zero."
        )
    return f"Loss {losses[0][1]:.3f}, then {losses[1][1]:.3f}. The rest of a training loop is convenience."


def _other_losses(before: nn.Module, images: Tensor, masks: Tensor) -> tuple[float, float]:
    """What the first step's loss is where void is class 0, and where the net is in evaluation mode."""
    with torch.no_grad():
        logits, evaluated = copy.deepcopy(before).train()(images), before(images)
    background = cross_entropy(logits, masks.masked_fill(masks == 255, 0)).item()
    return background, cross_entropy(evaluated, masks).item()


def _look_at_first(
    losses: tuple[float, float],
    others: tuple[float, float],
    before: nn.Module,
    yours: nn.Module,
    mine: nn.Module,
) -> None:
    (got, wanted), (background, evaluated) = losses, others
    if _same(before, yours):
        raise Wrong(
            "No weight has moved. Does the optimiser step after backward(), and are the gradients still "
            "there when it does?"
        )
    if abs(got - wanted) > 1e-4:
        if not yours.training or abs(got - evaluated) < 1e-4:
            raise Wrong("The net was in evaluation mode. Batch norm should use this batch: net.train().")
        differs = f"On this batch the loss is {wanted:.3f}; yours is {got:.3f}. "
        if abs(got - background) < 1e-4:
            raise Wrong(f"{differs}Three rows of every mask are void: they must not count as background.")
        raise Wrong(
            f"{differs}The net takes the images as they are, the loss takes the logits as they are, and it "
            "is the mean over the pixels that are not void, before the step."
        )
    if not _same(mine, yours):
        raise Wrong("The loss is right, but the weights are not where one step takes them.")


def check_measure_statistics(fn: Callable[[nn.Module, Iterable[Tensor]], None]) -> str:
    """05b.5, the bug clinic: running statistics are those of the batches; nothing was learned."""
    rng = torch.Generator().manual_seed(3)
    batches = [torch.randint(0, 256, (4, 3, 8, 8), generator=rng).to(torch.uint8) for _ in range(3)]
    net = tiny_net(1).eval()
    net.norm.num_batches_tracked.fill_(5)  # type: ignore[union-attr]
    before = copy.deepcopy(net)
    fn(net, iter(batches))
    with torch.no_grad():
        maps = [net.first(images.float() / 255) for images in batches]
    if not _same(before, net):
        raise Wrong("Weights have changed (batch norm has some, too). Only the statistics should change.")
    mean = torch.stack([one.mean((0, 2, 3)) for one in maps]).mean(0)
    var = torch.stack([one.var((0, 2, 3)) for one in maps]).mean(0)
    found, last = net.norm.running_mean, maps[-1].mean((0, 2, 3))
    if found is None or net.norm.running_var is None:
        raise Wrong("The running statistics are gone, and evaluation mode needs them.")
    if not found.any() or torch.equal(found, before.norm.running_mean):  # type: ignore[arg-type]
        raise Wrong("Nothing was measured: the batches left no trace. In which mode are statistics updated?")
    if torch.allclose(found, last, atol=1e-4):
        raise Wrong("These are the statistics of the last batch. They should be the mean over all batches.")
    if not torch.allclose(found, mean, atol=1e-4):
        raise Wrong(
            f"The mean of the first channel over the batches is {mean[0]:.3f}; yours is {found[0]:.3f}. "
            "Something of the old statistics is left, or later batches count more than earlier ones."
        )
    if not torch.allclose(net.norm.running_var, var, rtol=1e-2):
        raise Wrong("The means are right, the variances are not.")
    _check_two_layers(fn)
    return "Evaluation mode now uses the statistics of images. No weight has changed."


def _check_two_layers(fn: Callable[[nn.Module, Iterable[Tensor]], None]) -> None:
    """Two layers of batch norm, and batches that can be had once."""
    rng = torch.Generator().manual_seed(4)
    batches = [torch.randint(0, 256, (4, 3, 8, 8), generator=rng).to(torch.uint8) for _ in range(3)]
    yours = nn.Sequential(tiny_net(2), nn.BatchNorm2d(3)).eval()
    mine = copy.deepcopy(yours)
    fn(yours, iter(batches))
    measure_statistics(mine, iter(batches))
    pairs = [(a.norm.running_mean, b.running_mean) for a, b in (yours, mine)]  # type: ignore[union-attr]
    for name, got, wanted in zip(("first", "second"), *pairs):
        if not torch.allclose(got, wanted, atol=0.05):
            raise Wrong(
                f"In a net with two layers of batch norm, the statistics of the {name} are not those of the "
                "batches. `images` can be gone through once: prepare all layers, then show the batches."
            )


def check_draw_object(fn: Callable[[], Tensor]) -> str:
    """05b.4: one connected object of a fair size that even a perfect net at stride 8 cannot draw."""
    mask = fn()
    if mask.max() > 1:
        raise Wrong(f"The mask holds the values 0 and 1; yours holds {mask.unique().tolist()[:6]}.")
    pieces, area = label(mask.numpy())[1], 100 * float(mask.double().mean())
    if pieces != 1:
        raise Wrong(f"One object is one piece, connected along sides of pixels; yours has {pieces} pieces.")
    if area < LEAST:
        raise Wrong(f"Your object has {area:.1f} % of the pixels; it needs at least {LEAST:.0f} %.")
    image, scores = torch.zeros(3, *SIDE, dtype=torch.uint8), dict[int, float]()
    for stride in (32, 16, 8):
        pred = OracleStride(stride, soft=True).predict(image, mask.to(torch.uint8))
        both, either = ((pred == 1) & (mask == 1)).sum(), ((pred == 1) | (mask == 1)).sum()
        scores[stride] = 100 * float(both / either)
    said = ", ".join(f"{score:.0f} % at stride {stride}" for stride, score in scores.items())
    if scores[8] >= BAR:
        raise Wrong(f"The IoU of your object: {said}. It should be less than {BAR:.0f} % at stride 8.")
    return f"The IoU of your object: {said}. Which animals are built like that?"


def _same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one.parameters(), other.parameters()))
