"""Augmentation of what a discriminator sees: differentiable, by per-example keys."""

from gan_jax.augment.ada import PIPES, ada
from gan_jax.augment.apa import apa
from gan_jax.augment.controller import Controller, ControllerState, controller
from gan_jax.augment.diffaugment import POLICIES, diffaugment
from gan_jax.augment.instance_noise import instance_noise
from gan_jax.augment.operation import (
    AdaptiveAugmentation,
    Augmentation,
    Operation,
    compose,
)

__all__ = [
    "PIPES",
    "POLICIES",
    "AdaptiveAugmentation",
    "Augmentation",
    "Controller",
    "ControllerState",
    "Operation",
    "ada",
    "apa",
    "compose",
    "controller",
    "diffaugment",
    "instance_noise",
]
