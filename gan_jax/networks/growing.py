"""What networks that grow share: resolutions of 4 * 2^k and weights of stages.

A network that grows has the parameters of all its stages from the start. Stage k works at
4 * 2^k pixels; `stage` says up to which one is computed, `alpha` how far it has faded in.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from gan_jax.types import Array

SMALLEST = 4


def stages_of(height: int, width: int) -> int:
    """Number of stages of square images: 1 at 4 pixels, 9 at 1024.

    Raises:
        ValueError: the sides are not 4 * 2^k, the same for both.
    """
    doublings = (height // SMALLEST).bit_length() - 1
    if height != width or height < SMALLEST or height != SMALLEST << doublings:
        raise ValueError(
            f"cannot grow to {height} x {width} images: the sides must be equal and 4, 8, "
            "16, ..., 4 * 2^k; resize or pad the data"
        )
    return doublings + 1


def side_of(stage: int) -> int:
    """Sides of the images of a stage, in pixels."""
    return SMALLEST << stage


def resolved(stage: int | None, stages: int) -> int:
    """A stage of a network, the finest for None.

    Raises:
        ValueError: the network has no such stage.
    """
    if stage is None:
        return stages - 1
    if not 0 <= stage < stages:
        raise ValueError(f"stage must lie between 0 and {stages - 1}, got {stage}")
    return stage


def weights_of(stage: int, alpha: ArrayLike) -> list[Array | None]:
    """How much each of the stages 0 to `stage` counts beside the coarser ones.

    Args:
        stage: the finest of them.
        alpha: the weight of the finest, in [0, 1]; or of all but the coarsest, (stage,).

    Returns:
        float32 (), None where a stage has taken the coarser ones' place for good.
    """
    if stage == 0 or (isinstance(alpha, float | int) and alpha == 1.0):
        return [None] * (stage + 1)
    given = jnp.asarray(alpha, jnp.float32)
    if given.ndim == 0:
        return [*[None] * stage, given]
    if given.shape != (stage,):
        raise ValueError(
            f"alpha must be one number, or one for each of {stage} stages, got shape "
            f"{given.shape}"
        )
    return [None, *given]


def weights_at(level: Array, stages: int) -> Array:
    """Weights (stages - 1,) of all stages but the coarsest, where a network has grown to
    `level` stages: 2.3 is stage 2 and three tenths of stage 3.
    """
    return jnp.clip(level - jnp.arange(stages - 1, dtype=jnp.float32), 0.0, 1.0)


def faded(new: Array, old: Array, weight: Array | None) -> Array:
    """`weight * new + (1 - weight) * old`, exactly one of them where it is 0 or 1."""
    if weight is None:
        return new
    weight = jax.lax.convert_element_type(weight, new.dtype)
    return weight * new + (1 - weight) * old
