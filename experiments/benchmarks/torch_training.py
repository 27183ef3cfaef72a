"""What the games of `torch_peers.py` are made of, as PyTorch is fastest."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Game(NamedTuple):
    """A game to be played.

    Attributes:
        generator: latents to examples.
        discriminator: examples to logits (batch,).
        step: one step on data (rounds, batch, ...).
        data: (steps, rounds, batch, ...), the data of so many steps.
    """

    generator: nn.Module
    discriminator: nn.Module
    step: Callable[[Tensor], None]
    data: Tensor


def adam(net: nn.Module, rate: float, b1: float, b2: float) -> torch.optim.Adam:
    return torch.optim.Adam(net.parameters(), rate, (b1, b2), fused=True)


def descend(loss: Tensor, tx: torch.optim.Optimizer) -> None:
    tx.zero_grad(set_to_none=True)
    loss.backward()
    tx.step()


def freeze(net: nn.Module, frozen: bool) -> None:
    for parameter in net.parameters():
        parameter.requires_grad_(not frozen)


def images(steps: int, rounds: int, batch: int, size: int = 32) -> Tensor:
    """Random images in [-1, 1], each round's in channels_last."""
    data = torch.rand(steps * rounds, batch, size, size, 3) * 2 - 1
    return data.permute(0, 1, 4, 2, 3).unflatten(0, (steps, rounds))


class Average:
    """An average of a network, parameters and statistics alike."""

    def __init__(self, net: nn.Module) -> None:
        self._new, self._old = _floats(net), _floats(copy.deepcopy(net))

    @torch.no_grad()
    def move(self) -> None:
        """One step towards the network."""
        torch._foreach_lerp_(self._old, self._new, 1e-4)


def _floats(net: nn.Module) -> list[Tensor]:
    return [leaf for leaf in net.state_dict().values() if leaf.is_floating_point()]
