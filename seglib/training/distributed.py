"""Training one net in several processes: `torchrun --nproc-per-node 2 -m seglib train ...`.

Each has a copy of the net and learns from its part of every batch; gradients are summed before each update,
so that all copies keep the same weights. Batch norm's running averages differ, because each process sees
other images: those of the first process are the ones that are validated and saved. The loss is the mean of
the processes' losses, weighted by images. Except for `init_processes` and `destroy_processes`, call these
functions only if there are several processes.
"""

import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn


def init_processes() -> tuple[torch.device, int]:
    """Join the processes that torchrun started, if it did.

    Tensors on a GPU are exchanged by NCCL, those in main memory by gloo.

    Returns:
        The device that this process should use, and its rank: 0 if it is alone.

    Raises:
        ValueError: there are more processes than GPUs on this machine.
    """
    cuda = torch.cuda.is_available()
    local = int(os.environ.get("LOCAL_RANK", 0))
    if cuda and local >= (gpus := torch.cuda.device_count()):
        raise ValueError(
            f"process {local + 1} of this machine has no GPU of its own, there are {gpus}; use "
            f"--nproc-per-node {gpus}, or train on the CPU with CUDA_VISIBLE_DEVICES= (empty)"
        )
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return device, 0
    if not dist.is_initialized():
        if cuda:
            torch.cuda.set_device(device)
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
    return device, dist.get_rank()


def destroy_processes() -> None:
    """Undo `init_processes`; does nothing if there is only one process."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def broadcast(value: float) -> float:
    """The first process's value. With the same clock, all processes stop at the same step."""
    tensor = torch.tensor(value, dtype=torch.float64)
    dist.broadcast(tensor, 0)
    return tensor.item()


def broadcast_tensors(tensors: Iterable[Tensor]) -> None:
    """Copy the first process's values to every process, in place."""
    for tensor in tensors:
        dist.broadcast(tensor.detach(), 0)


def all_reduce_gradients(net: nn.Module, loss: Tensor) -> Tensor:
    """Sum the gradients over all processes, in place, and return the sum of the losses.

    One exchange of one long vector. `DistributedDataParallel` would start during the backward pass, which
    is faster on many GPUs and much harder to follow.
    """
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in trained:
        if parameter.grad is None:  # unused in this process, maybe not in another
            parameter.grad = torch.zeros_like(parameter)
    grads = [parameter.grad for parameter in trained if parameter.grad is not None]
    flat = torch.cat([*(grad.flatten() for grad in grads), loss.flatten().to(grads[0].dtype)])
    dist.all_reduce(flat)
    *parts, total = flat.split([*(grad.numel() for grad in grads), 1])
    for grad, part in zip(grads, parts):
        grad.copy_(part.view_as(grad))
    return total[0].clone()  # a view would keep all gradients in memory
