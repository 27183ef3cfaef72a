"""A box constraint on parameters."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from gan_jax.types import Array, PyTree


def keep_params_in_box(low: float, high: float) -> optax.GradientTransformation:
    """Keeps every parameter in [low, high]: WGAN's weight clipping (arXiv 1701.07875).

    It must come last in a chain. It changes updates, so that parameters after
    `optax.apply_updates` lie in the box exactly: `p + (high - p)` can round to a number
    above `high`. Updates that stay inside are unchanged bit for bit. The bounds are those
    numbers rounded to the parameter's float type.

    Args:
        low: lower bound (-0.01 in the paper).
        high: upper bound (0.01 in the paper).

    Raises:
        ValueError: the box is empty; at update, parameters are not given.
    """
    if not low <= high:
        raise ValueError(f"keep_params_in_box needs low <= high, got [{low}, {high}]")

    def init(params: PyTree) -> optax.OptState:
        del params
        return optax.EmptyState()

    def update(
        updates: PyTree, state: optax.OptState, params: PyTree | None = None
    ) -> tuple[PyTree, optax.OptState]:
        if params is None:
            raise ValueError(
                "keep_params_in_box needs the parameters: call "
                "tx.update(updates, state, params)"
            )
        return jax.tree.map(lambda p, u: _clip(p, u, low, high), params, updates), state

    return optax.GradientTransformation(init, update)


def _clip(param: Array, update: Array, low: float, high: float) -> Array:
    # Rounding is monotonic, so an update between the two largest steps that land in the
    # box lands in it too, whatever the update was fused from.
    least = _largest_step(param, low, upwards=True)
    most = _largest_step(param, high, upwards=False)
    return jnp.clip(update.astype(param.dtype), least, most)


def _largest_step(param: Array, bound: float, *, upwards: bool) -> Array:
    """The longest step to `bound` that does not pass it after rounding."""
    limit = jnp.full_like(param, bound)
    step = limit - param
    inward = jnp.nextafter(step, jnp.full_like(step, jnp.inf if upwards else -jnp.inf))
    landed = param + step
    passed = landed < limit if upwards else landed > limit
    return jnp.where(passed, inward, step)
