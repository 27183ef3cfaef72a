"""REINFORCE: gradients for generators of discrete tokens.

SeqGAN, Yu et al. 2016 (arXiv 1609.05473): the discriminator's verdict on a sequence is the
reward of the tokens that led to it. Sequences are (batch, time); `mask` is 1 or True on the
tokens that count and 0 after the end of a sequence.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gan_jax import tracing
from gan_jax.losses.arithmetic import f32
from gan_jax.numerics import mean32
from gan_jax.types import Array, Scalar


def policy_gradient(
    log_probs: Array,
    rewards: Array,
    mask: Array | None = None,
    baseline: Array | float = 0.0,
) -> Scalar:
    """The loss whose gradient is REINFORCE's (arXiv 1609.05473, equations 6 to 8).

    -E[sum_t log G(y_t | y_<t) (Q_t - b_t)], with Q and b held constant.

    Args:
        log_probs: log G(y_t | y_<t) of the tokens drawn, (batch, time), any float type.
        rewards: Q_t, the action values: the discriminator's rewards of roll-outs, or
            `reward_to_go` of rewards per token; (batch, time).
        mask: (batch, time), or None if every token counts.
        baseline: b_t, a number or an array of two axes that fits rewards. It leaves the
            expected gradient unchanged if it does not depend on y_t, and lowers its spread.

    Returns:
        float32 (), summed over time, mean over sequences. Its value means nothing; the
        gradient ascends the expected reward.
    """
    advantage = jax.lax.stop_gradient(f32(rewards) - jnp.asarray(baseline, jnp.float32))
    terms = _masked(f32(log_probs), mask) * _masked(advantage, mask)
    return -mean32(jnp.sum(terms, axis=1))


def reward_to_go(rewards: Array, discount: float = 1.0, mask: Array | None = None) -> Array:
    """What is still to come: Q_t = sum_{s >= t} discount^(s - t) r_s.

    Args:
        rewards: per token, (batch, time), any float type.
        discount: in [0, 1].
        mask: (batch, time); tokens that do not count bring nothing.

    Returns:
        float32 (batch, time).
    """

    def step(after: Array, reward: Array) -> tuple[Array, Array]:
        total = reward + discount * after
        return total, total

    steps = _masked(f32(rewards), mask).T
    _, totals = jax.lax.scan(step, jnp.zeros_like(steps[0]), steps, reverse=True)
    return totals.T


def batch_baseline(rewards: Array, mask: Array | None = None) -> Array:
    """Mean of the action values at each time over the sequences that have reached it.

    A baseline without parameters. An example's own reward is in the mean, which scales the
    gradient by 1 - 1/n. Over all shards of a mapped batch axis.

    Args:
        rewards: Q_t, (batch, time), any float type.
        mask: (batch, time), or None.

    Returns:
        float32 (1, time), 0 where there is no sequence any more.
    """
    rewards = f32(rewards)
    counts = _masked(jnp.ones_like(rewards), mask)
    total = tracing.pmean(jnp.mean(_masked(rewards, mask), axis=0, keepdims=True))
    share = tracing.pmean(jnp.mean(counts, axis=0, keepdims=True))
    return total / jnp.where(share > 0.0, share, 1.0)


def _masked(x: Array, mask: Array | None) -> Array:
    # Not a product: behind the end of a sequence there may be anything, -inf or nan too.
    return x if mask is None else jnp.where(mask.astype(jnp.bool_), x, 0.0)
