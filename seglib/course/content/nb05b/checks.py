"""The checks of notebook 05b."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import torch
from scipy.ndimage import label
from torch import Tensor, nn
from torch.nn.functional import interpolate

from seglib.course.content.nb05a.checks import TinyNet, noise
from seglib.course.content.nb05b.answers import bilinear_kernel, fuse, measure_statistics, train_step
from seglib.course.guard import in_words
from seglib.course.lesson import Wrong, first_true, learnable, near, refuse
from seglib.evaluate import OracleStride
from seglib.losses import cross_entropy
from seglib.metrics import confusion_matrix, iou

SIDE = (128, 128)
LEAST, BAR = 10.0, 40.0  # % of the pixels that an object has at least; % IoU below which nobody can draw it


def check_bilinear_kernel(fn: Callable[[int], Tensor]) -> str:
    """05b.1: odd and even kernels, and that enlarging a constant map gives it back."""
    for size in (3, 4, 5, 16):
        kernel, wanted = fn(size), bilinear_kernel(size)
        if near(kernel, wanted):
            continue
        roof = wanted[:, size // 2] / wanted[:, size // 2].amax()
        pyramid = near(kernel / kernel.amax(), torch.minimum(roof[:, None], roof))
        known = {
            "Yours sums to 1, as a blur does. But a new pixel that lies on a cell gets all of its score: "
            "where the size is odd, the top is 1.": near(kernel, wanted / wanted.sum()),
            "Yours is flat. That copies each score into a block: nearest neighbour.": kernel.std() == 0,
            "Your border is 0. The first 0 is one step outside the kernel.": not kernel[[0, -1]].any(),
            "A pyramid, but with flat sides: the smaller roof. The two roofs are multiplied.": pyramid,
        }
        top = f"the top row begins with {in_words(wanted[0, :6])}, yours with {in_words(kernel[0, :6])}"
        raise Wrong(first_true(known, f"For size {size} {top}. How far is each place from the middle?"))
    return "A pyramid. In the paper, the enlargements by 2 begin as this and are trained; the last one stays."


def check_fuse(fn: Callable[[Tensor, Tensor], Tensor]) -> str:
    """05b.2: cells of the coarse map lie on every second cell of the fine one; the sum of both."""
    rng = torch.Generator().manual_seed(1)
    for number, count, height, width in ((2, 3, 3, 4), (1, 5, 2, 5)):
        coarse = torch.randn(number, count, height, width, generator=rng)
        fine = torch.randn(number, count, 2 * height - 1, 2 * width - 1, generator=rng)
        got, wanted = fn(coarse, fine), fuse(coarse, fine)
        if near(got, wanted):
            continue
        blocks, shifted = (interpolate(coarse, fine.shape[2:], mode=mode) for mode in ("nearest", "bilinear"))
        added = f"{coarse[0, 0, 1, 1]:.2f} is added there; you added {(got - fine)[0, 0, 2, 2]:.2f}."
        known = {
            "One of the two is missing: the scores are added.": (wanted - fine, fine),
            "That is the mean. FCN adds: how much each counts is learned.": (wanted / 2,),
            "You copied blocks. Bilinear: scores between two cells lie between theirs.": (blocks + fine,),
            "Yours is bilinear, but shifted: it puts the outer edges of both maps on each other. Here coarse "
            f"cell (1, 1) lies on fine cell (2, 2), so {added}": (shifted + fine,),
        }
        refuse(got, known)
        if near(got[..., 1:-1, 1:-1], wanted[..., 1:-1, 1:-1]):
            raise Wrong("Inside, yours is right; at the border it is not. How large is the padding?")
        raise Wrong("The shape is right, the numbers are not. Enlarge the coarse map bilinearly, then add.")
    learnable(fn(coarse.clone().requires_grad_(), fine))
    learnable(fn(coarse, fine.clone().requires_grad_()))
    return "The coarse scores are enlarged, the fine scores are added. That is the whole skip."


def check_train_step(fn: Callable[[nn.Module, Tensor, Tensor, torch.optim.Optimizer], float]) -> str:
    """05b.3: two steps equal the course's; void teaches nothing; the net is in training mode."""
    images, masks = noise(2, 2, 3, 8, 8), noise(3, 2, 8, 8) % 3
    masks[0, :5], masks[1, :1] = 255, 255
    before, yours, mine = (TinyNet(0).eval() for _ in range(3))
    descent = [torch.optim.SGD(net.parameters(), lr=0.5, weight_decay=0.1) for net in (yours, mine)]
    got = fn(yours, images.clone(), masks.clone(), descent[0])
    wanted = train_step(mine, images, masks, descent[1])
    if _same(before, yours):
        raise Wrong("No weight moved. Is there a step after backward(), and are the gradients still there?")
    with torch.no_grad():
        evaluated = cross_entropy(before(images), masks)
        background = cross_entropy(before.train()(images), masks.masked_fill(masks == 255, 0))
    if abs(got - wanted) > 1e-4:
        differs = f"On this batch the loss is {wanted:.3f}; yours is {got:.3f}."
        mode = "The net was in evaluation mode. Batch norm should use this batch: net.train()."
        void = f"{differs} Some rows of both masks are void: they must not count as background."
        if not yours.training:
            raise Wrong(mode)
        refuse(torch.tensor(got), {mode: evaluated, void: background})
        raise Wrong(
            f"{differs} The net takes the images as they are, the loss takes the logits as they are, and it "
            "is the mean over the pixels that are not void, before the step."
        )
    if not _same(mine, yours):
        raise Wrong("The loss is right, but the weights are not where a step of `optimiser` takes them.")
    fn(yours, images.clone(), masks.clone(), descent[0])
    second = train_step(mine, images, masks, descent[1])
    if not _same(mine, yours):
        raise Wrong("The second step is not right: the old gradients are still there. Set them to zero.")
    for net in (yours, mine):
        nn.init.constant_(net.second_norm.weight, 300)
    got, large = fn(yours, images, masks, descent[0]), train_step(mine, images, masks, descent[1])
    if not abs(got - large) < 0.01 * large:
        differs = f"Where logits are in the hundreds, the loss is {large:.0f}; yours is {got:.0f}."
        raise Wrong(f"{differs} Taken by itself, a softmax becomes 0 there, which has no logarithm.")
    return f"Loss {wanted:.3f}, then {second:.3f}. The rest of a training loop is convenience."


def check_measure_statistics(fn: Callable[[nn.Module, Iterable[Tensor]], None]) -> str:
    """05b.5, the bug clinic: running statistics are those of the batches; nothing was learned."""
    yours, batches = nn.Sequential(tiny := TinyNet(1)).eval(), noise(3, 3, 4, 3, 8, 8)
    before, mine = copy.deepcopy(yours), copy.deepcopy(yours)
    fn(yours, iter(batches))  # batches can be had once
    measure_statistics(mine, iter(batches))
    if not _same(before, yours):
        raise Wrong("Weights have changed (batch norm has some, too). Only the statistics should change.")
    old, got, wanted = (net.state_dict() for net in (before, yours, mine))
    if got.keys() != wanted.keys():
        raise Wrong("The running statistics are gone, and evaluation mode needs them.")
    mean, var, second = "0.norm.running_mean", "0.norm.running_var", "0.second_norm.running_mean"
    last = tiny.first(batches[-1] / 255).mean((0, 2, 3))
    known = {
        "Nothing was measured: the batches left no trace. In which mode are statistics updated?": (
            torch.zeros_like(last),
            old[mean],
        ),
        "These are the statistics of the last batch. They should be the mean over all batches.": (last,),
    }
    refuse(got[mean], known)
    if not near(got[mean], wanted[mean]):
        raise Wrong(
            f"The mean of channel 0 over the batches is {wanted[mean][0]:.3f}; yours is {got[mean][0]:.3f}. "
            "Something of the old statistics is left, or later batches count more than earlier ones."
        )
    if not torch.allclose(got[var], wanted[var], rtol=1e-2):
        raise Wrong("The means are right, the variances are not.")
    if not torch.allclose(got[second], wanted[second], atol=0.05):
        raise Wrong(
            "With two layers of batch norm, the statistics of the second are not those of the batches. "
            "`images` can be gone through once: prepare all layers, then show the batches."
        )
    return "Evaluation mode now uses the statistics of images. No weight has changed."


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
        pred = OracleStride(stride, soft=True).predict(image, mask)
        scores[stride] = 100 * float(iou(confusion_matrix(pred, mask, 2))[1])
    said = ", ".join(f"{score:.0f} % at stride {stride}" for stride, score in scores.items())
    if scores[8] >= BAR:
        raise Wrong(f"The IoU of your object: {said}. It should be less than {BAR:.0f} % at stride 8.")
    return f"The IoU of your object: {said}. Which animals are built like that?"


def _same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one.parameters(), other.parameters()))
