"""Several processes that train one net: `torchrun --nproc-per-node 2 -m seglib train ...`.

Each has a copy of the net and takes its share of every batch; gradients are added up before each step, so
that the weights of all copies stay alike. What batch norm averages does not: each process sees other
images. The first one's averages are those that are judged and kept. A loss is the mean of the processes'
means, by images. With one process nothing here does anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn


def init_processes() -> torch.device:
    """Join the processes that torchrun started, if it did; the device this process is to use.

    Tensors on a GPU are exchanged by NCCL, those in main memory by gloo.

    Raises:
        ValueError: there are more processes than GPUs on this machine.
    """
    cuda = torch.cuda.is_available()
    local = int(os.environ.get("LOCAL_RANK", 0))
    if cuda and local >= (gpus := torch.cuda.device_count()):
        raise ValueError(
            f"process {local + 1} of this machine has no GPU of its own, there are {gpus}; start no more: "
            f"--nproc-per-node {gpus}, or, to use the processor, set CUDA_VISIBLE_DEVICES to nothing"
        )
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not dist.is_initialized():
        if cuda:
            torch.cuda.set_device(device)
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
    return device


def destroy_processes() -> None:
    """End what `init_processes` began."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def rank_and_world_size() -> tuple[int, int]:
    """(rank, count) of this process: (0, 1) where it is alone."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def broadcast(value: float) -> float:
    """What the first process says. A clock that all read alike makes them all stop at the same step."""
    if rank_and_world_size()[1] == 1:
        return value
    said = torch.tensor(value, dtype=torch.float64)
    dist.broadcast(said, 0)
    return said.item()


def broadcast_tensors(tensors: Iterable[Tensor]) -> None:
    """Give every process the first one's values, in place."""
    if rank_and_world_size()[1] > 1:
        for tensor in tensors:
            dist.broadcast(tensor.detach(), 0)


def all_reduce_gradients(net: nn.Module, loss: Tensor) -> Tensor:
    """Add gradients over all processes, in place; the loss, added up too.

    One exchange of one long vector; `DistributedDataParallel` would begin it during the backward pass, which
    pays on many GPUs and costs the plainness of this.
    """
    if rank_and_world_size()[1] == 1:
        return loss
    moving = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in moving:
        if parameter.grad is None:  # unused in this process, maybe not in another
            parameter.grad = torch.zeros_like(parameter)
    grads = [parameter.grad for parameter in moving if parameter.grad is not None]
    flat = torch.cat([*(grad.flatten() for grad in grads), loss.flatten().to(grads[0].dtype)])
    dist.all_reduce(flat)
    *parts, total = flat.split([*(grad.numel() for grad in grads), 1])
    for grad, part in zip(grads, parts):
        grad.copy_(part.view_as(grad))
    return total[0].clone()  # a view of it would keep all gradients
