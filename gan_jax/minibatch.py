"""What a generator's step does with a batch as a whole: which examples count, and from
which latents they come.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from gan_jax import tracing
from gan_jax.types import Array, Scalar


def top_k(fraction: optax.Schedule) -> Callable[[Array, Scalar], Array]:
    """Top-k training: only the most realistic examples move the generator (2002.06224).

    Args:
        fraction: share of the batch that counts, as a function of images seen; the paper
            lowers it from 1 by a constant factor (such as 0.99) an epoch, down to a floor
            (such as 0.5).

    Returns:
        `(fake_logits, images_seen) -> weights`, float32 (batch,): n / k for the k largest
        logits of the global batch of n, so that a mean over n is one over k; 0 for others.
    """

    def weights(fake_logits: Array, images_seen: Scalar) -> Array:
        logits = jax.lax.stop_gradient(fake_logits.astype(jnp.float32))
        everyone = tracing.gather(logits)
        n = everyone.shape[0]
        share = jnp.asarray(fraction(images_seen), jnp.float32)
        k = jnp.clip(jnp.ceil(share * n - 1e-4), 1.0, float(n))
        return jnp.where(_ranks(logits, everyone) < k, n / k, 0.0)

    return weights


def _ranks(logits: Array, everyone: Array) -> Array:
    """Place of each of this shard's logits among all, 0 for the largest, float32 (batch,);
    of equal logits the one of the lower row comes first.
    """
    rows = tracing.global_rows(logits.shape[0])
    others = jnp.arange(everyone.shape[0])
    larger = everyone[None, :] > logits[:, None]
    earlier = (everyone[None, :] == logits[:, None]) & (others[None, :] < rows[:, None])
    return jnp.sum(larger | earlier, axis=1).astype(jnp.float32)


def latent_optimisation(
    rate: float = 0.9, damping: float = 5.0, *, bound: float | None = None
) -> Callable[[Callable[[Array], Array], Array], Array]:
    """LOGAN's step on latents along the natural gradient (1912.00953, eq. 12).

        z' = z + rate * g / (damping + ||g||^2),    g = grad_z D(G(z))

    which is rate * F^-1 g with the damped empirical Fisher matrix F = g g^T + damping * I.
    Gradients of both players pass through the step. The paper's regulariser of its length
    is `latent_movement` in `gan_jax.methods`.

    Args:
        rate: alpha, 0.9 in the paper.
        damping: beta, 5 in the paper on ImageNet.
        bound: latents are clipped to [-bound, bound] after it (1 for uniform ones).

    Returns:
        `(latents -> logits, latents) -> latents`, of shape (batch, ...).
    """

    def improve(critic: Callable[[Array], Array], latents: Array) -> Array:
        gradient = jax.grad(lambda z: jnp.sum(critic(z).astype(jnp.float32)))(latents)
        axes = tuple(range(1, latents.ndim))
        norm = jnp.sum(jnp.square(gradient), axis=axes, keepdims=True)
        moved = latents + rate * gradient / (damping + norm)
        return moved if bound is None else jnp.clip(moved, -bound, bound)

    return improve
