"""The probability of augmentation, steered by D's overfitting (2006.06676, section 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from gan_jax import tracing
from gan_jax.numerics import mean32
from gan_jax.types import Array


class ControllerState(NamedTuple):
    """Arrays only, of shape (), to live in a game's memory.

    Attributes:
        p: float32, the probability.
        signs: float32, sum of the signs of D(x) since the last adjustment.
        images: float32, number of those signs.
        calls: int32, updates since the last adjustment.
    """

    p: Array
    signs: Array
    images: Array
    calls: Array


class Controller(NamedTuple):
    """A feedback loop over a probability.

    Attributes:
        init: `() -> state`.
        update: `(state, real_logits, images) -> state`. Logits of real examples of any
            float type and shape, never differentiated; `images` is how many real images of
            the global batch the call stands for.
    """

    init: Callable[[], ControllerState]
    update: Callable[[ControllerState, Array, ArrayLike], ControllerState]


def controller(
    *, target: float = 0.6, interval: int = 4, kimg: float = 500.0, start: float = 0.0
) -> Controller:
    """ADA's heuristic: p rises while r_t = E[sign D(x)] is above the target, else falls.

    Every `interval` updates p moves by the images seen since, over 1000 `kimg`, and stays
    in [0, 1]. Under a mapped batch axis (`tracing.batch_axis`) r_t is over all shards. With
    accumulated micro-batches each is an update of its own: p is looked at more often, and
    moves at the same speed.

    APA (arXiv 2111.06849) steers its probability by the same loop; there r_t is lambda_r.

    Args:
        target: of r_t; at 1 all real images are on the right side, at 0 half of them.
        interval: updates between adjustments.
        kimg: thousands of images in which p can move from 0 to 1.
        start: p at the beginning.

    Returns:
        The controller.

    Raises:
        ValueError: `interval` is below 1, `kimg` not positive, or `start` no probability.
    """
    if interval < 1 or kimg <= 0 or not 0.0 <= start <= 1.0:
        raise ValueError(
            "controller needs interval >= 1, kimg > 0 and start in [0, 1], got "
            f"{interval}, {kimg} and {start}"
        )

    def init() -> ControllerState:
        zero = jnp.zeros((), jnp.float32)
        return ControllerState(jnp.float32(start), zero, zero, jnp.zeros((), jnp.int32))

    def update(
        state: ControllerState, real_logits: Array, images: ArrayLike
    ) -> ControllerState:
        seen = jnp.asarray(images, jnp.float32)
        sign = tracing.pmean(mean32(jnp.sign(jax.lax.stop_gradient(real_logits))))
        state = ControllerState(
            state.p, state.signs + seen * sign, state.images + seen, state.calls + 1
        )
        return jax.tree.map(
            lambda now, later: jnp.where(state.calls >= interval, later, now),
            state,
            _adjusted(state, target, kimg),
        )

    return Controller(init, update)


def _adjusted(state: ControllerState, target: float, kimg: float) -> ControllerState:
    """The probability moved by what was seen, and the sums begun anew."""
    # r_t - target without a division: there may have been no images.
    direction = jnp.sign(state.signs - target * state.images)
    moved = jnp.clip(state.p + direction * state.images / (1000.0 * kimg), 0.0, 1.0)
    return ControllerState(
        moved,
        jnp.zeros_like(state.signs),
        jnp.zeros_like(state.images),
        jnp.zeros_like(state.calls),
    )
