"""Training and predicting in notebook 05: the course's own answers to 05.4 and 05.5, and the checks."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from seglib.course.lesson import Wrong
from seglib.losses import cross_entropy

Step = Callable[[nn.Module, Tensor, Tensor, torch.optim.Optimizer], float]


def train_step(net: nn.Module, images: Tensor, masks: Tensor, optimiser: torch.optim.Optimizer) -> float:
    """The course's answer to 05.4."""
    net.train()
    loss = cross_entropy(net(images), masks)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


def predict_mask(net: nn.Module, image: Tensor) -> Tensor:
    """The course's answer to 05.5."""
    net.eval()
    with torch.no_grad():
        return net(image[None])[0].argmax(0)


class TinyNet(nn.Module):
    """Two convolutions with batch norm between them: small enough to check a step by hand."""

    def __init__(self, num_classes: int = 3) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 -> (N, K, H, W)."""
        hidden: Tensor = self.norm(self.first(images.float() / 255)).relu()
        return self.last(hidden)


def _tiny(seed: int) -> TinyNet:
    """A net whose batch norm remembers something else than the next batch will show."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = TinyNet()
        net.norm.running_mean = torch.randn(8)
        net.norm.running_var = torch.rand(8) + 0.5
    return net


def check_train_step(fn: Step) -> str:
    """05.4: two steps equal the course's; void teaches nothing; the net is in training mode."""
    rng = torch.Generator().manual_seed(2)
    images = torch.randint(0, 256, (2, 3, 8, 8), generator=rng).to(torch.uint8)
    masks = torch.randint(0, 3, (2, 8, 8), generator=rng).to(torch.uint8)
    masks[:, :3] = 255
    mine = _tiny(0)
    yours = copy.deepcopy(mine).eval()
    before = copy.deepcopy(yours)
    losses = []
    optimisers = [torch.optim.SGD(net.parameters(), lr=0.5) for net in (mine, yours)]
    for number in (1, 2):
        wanted = train_step(mine, images, masks, optimisers[0])
        got = fn(yours, images, masks, optimisers[1])
        if got is None:
            raise Wrong("Return the loss as a number, so that it can be watched.")
        if isinstance(got, Tensor):
            raise Wrong(
                "Return a plain number. A tensor holds on to everything its step has computed; kept for a "
                "curve, it fills the memory."
            )
        losses.append((float(got), wanted))
        if number == 1:
            background = _loss_with_void_as_background(before, images, masks)
            _look_at_first(losses[0], background, before, yours, mine)
    if not _same(mine, yours):
        raise Wrong(
            "The first step is right, the second is not: the old gradients are still there. Set them to zero."
        )
    return f"Loss {losses[0][1]:.3f}, then {losses[1][1]:.3f}. Everything else in a training loop is comfort."


def _loss_with_void_as_background(before: nn.Module, images: Tensor, masks: Tensor) -> float:
    """What the first step's loss is where void was taken for class 0."""
    with torch.no_grad():
        logits = copy.deepcopy(before).train()(images)
    return cross_entropy(logits, masks.masked_fill(masks == 255, 0)).item()


def _look_at_first(
    losses: tuple[float, float], background: float, before: nn.Module, yours: nn.Module, mine: nn.Module
) -> None:
    got, wanted = losses
    if _same(before, yours):
        raise Wrong(
            "No weight has moved. Does the optimiser step after backward(), and are the gradients still "
            "there when it does?"
        )
    if abs(got - wanted) > 1e-4:
        if not yours.training:
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


def check_predict_mask(fn: Callable[[nn.Module, Tensor], Tensor]) -> str:
    """05.5, the bug clinic: evaluation mode, one image, nothing remembered."""
    rng = torch.Generator().manual_seed(3)
    image = torch.randint(0, 256, (3, 9, 11), generator=rng).to(torch.uint8)
    net = _tiny(1)
    wanted = predict_mask(copy.deepcopy(net), image)
    remembered = net.state_dict()["norm.running_mean"].clone()
    got = fn(net.train(), image)
    if got is None:
        raise Wrong("Nothing comes back (None). Does every path end in a return?")
    if not isinstance(got, Tensor) or got.shape != wanted.shape:
        raise Wrong(f"For 3 x 9 x 11 I expect (9, 11); yours: {tuple(getattr(got, 'shape', ()))}.")
    if not torch.equal(net.state_dict()["norm.running_mean"], remembered):
        raise Wrong("Batch norm has learned from the image you predict. Predicting must change nothing.")
    if got.is_floating_point():
        raise Wrong("Return class indices, not scores.")
    if not torch.equal(got.long(), wanted):
        share = (got == wanted).double().mean()
        raise Wrong(
            f"Only {100 * share:.0f} % of the pixels are as they should be. Which class has the best score?"
        )
    if not torch.equal(fn(net, image), got):
        raise Wrong("A second call gives something else.")
    return "In evaluation mode nothing is thrown away, and a mask depends on its image alone."


def _same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one.parameters(), other.parameters()))
