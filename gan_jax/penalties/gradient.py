"""Penalties on the slope of a critic with respect to its inputs.

Each factory returns a `Penalty`: `(critic, real, fake, key) -> scalar`, float32.
Inputs are any pytree with a leading batch axis; an example's gradient is one vector over
all its leaves, and norms are over that whole vector. `key` is one typed key, or one per
example; what is drawn for an example depends on its own key only. A critic with several
logits per example (patches) is penalised on their sum.

The gradient of the summed logits is a gradient per example only if the critic treats
examples independently: no batch normalisation, no minibatch statistics.
`assert_per_example` checks that.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import prng, tracing, trees
from gan_jax.numerics import mean32, safe_sqrt, sum_per_example
from gan_jax.types import Array, Critic, InputGradientPenalty, Key, Penalty, PyTree, Scalar


def _logits_per_example(critic: Critic, inputs: PyTree) -> Array:
    """Logits summed over all but the batch axis, float32 (batch,)."""
    return sum_per_example(critic(inputs).astype(jnp.float32))


def _input_gradient(critic: Critic, inputs: PyTree) -> PyTree:
    """Every example's own gradient, in the structure of `inputs`."""
    return jax.grad(lambda x: jnp.sum(_logits_per_example(critic, x)))(inputs)


def _squared_norm(tree: PyTree) -> Array:
    """Squared L2 norm per example over all leaves, float32 (batch,)."""
    total: Array = jnp.zeros((trees.batch_size(tree),), jnp.float32)
    for leaf in jax.tree.leaves(tree):
        total = total + sum_per_example(jnp.square(leaf.astype(jnp.float32)))
    return total


def _interpolate(real: PyTree, fake: PyTree, weight: Array) -> PyTree:
    """`weight * real + (1 - weight) * fake`, weight (batch,) shared by an example's leaves.

    Computed in float32, in the data's float type.
    """

    def one(x: Array, y: Array) -> Array:
        w = weight.reshape((-1,) + (1,) * (x.ndim - 1))
        mixed = w * x.astype(jnp.float32) + (1.0 - w) * y.astype(jnp.float32)
        return mixed.astype(x.dtype)

    return jax.tree.map(one, real, fake)


def _uniform(key: Key, batch: int, draws: int) -> Array:
    """U(0, 1) draws, float32 (batch, draws)."""
    return prng.draw(
        prng.per_example(key, batch), lambda k: jax.random.uniform(k, (draws,), jnp.float32)
    )


def gradient_penalty(
    *, one_sided: bool = False, target: float = 1.0
) -> InputGradientPenalty:
    """Gradient penalty of WGAN-GP, Gulrajani et al. 2017 (arXiv 1704.00028, equation 3).

    E[(||grad C(x^)||_2 - target)^2] at x^ = e x + (1 - e) G(z), e ~ U(0, 1) per example.

    Args:
        one_sided: only norms above the target are penalised, E[max(0, norm - target)^2]
            (appendix C of the paper; Petzka et al. 2017, arXiv 1709.08894).
        target: the wanted norm, in logits per unit of input.

    Returns:
        A penalty to be weighted by lambda (10 in the paper).
    """

    def penalty(critic: Critic, real: PyTree, fake: PyTree, key: Key) -> Scalar:
        weight = _uniform(key, trees.batch_size((real, fake)), 1)[:, 0]
        gradient = _input_gradient(critic, _interpolate(real, fake, weight))
        excess = safe_sqrt(_squared_norm(gradient)) - target
        return mean32(jnp.square(jax.nn.relu(excess) if one_sided else excess))

    return InputGradientPenalty(penalty)


def max_gradient_penalty() -> InputGradientPenalty:
    """Penalty on the steepest point alone, Zhou et al. 2019 (arXiv 1902.05687).

    max ||grad C(x^)||_2^2 over the batch, at x^ = e x + (1 - e) G(z), e ~ U(0, 1) per
    example: an estimate of the squared Lipschitz constant. Its gradient comes from that one
    example (where several are equally steep, from their mean).

    The batch is the global one: under a mapped batch axis (`tracing.batch_axis`) the norms
    of all shards are gathered. With accumulated micro-batches it is the mean of their
    largest squares.

    Returns:
        A penalty to be weighted by lambda.
    """

    def penalty(critic: Critic, real: PyTree, fake: PyTree, key: Key) -> Scalar:
        weight = _uniform(key, trees.batch_size((real, fake)), 1)[:, 0]
        gradient = _input_gradient(critic, _interpolate(real, fake, weight))
        return jnp.max(tracing.gather(_squared_norm(gradient)))

    return InputGradientPenalty(penalty)


def finite_difference_penalty(*, target: float = 1.0) -> Penalty:
    """WGAN-GP's penalty on a difference quotient in place of a gradient.

    E[(|C(x1) - C(x2)| / ||x1 - x2||_2 - target)^2], where x1 and x2 are two independent
    draws of x^ = e x + (1 - e) G(z) on an example's own segment. No gradient with respect
    to inputs is taken, so the critic is differentiated once only, and may couple examples.

    Args:
        target: the wanted slope, in logits per unit of input.

    Returns:
        A penalty to be weighted by lambda. Where x1 = x2 there is no slope, and the example
        adds 0 to the mean.
    """

    def penalty(critic: Critic, real: PyTree, fake: PyTree, key: Key) -> Scalar:
        weights = _uniform(key, trees.batch_size((real, fake)), 2)
        x1 = _interpolate(real, fake, weights[:, 0])
        x2 = _interpolate(real, fake, weights[:, 1])
        gap = jax.tree.map(
            lambda a, b: a.astype(jnp.float32) - b.astype(jnp.float32), x1, x2
        )
        distance = safe_sqrt(_squared_norm(gap))
        rise = jnp.abs(_logits_per_example(critic, x1) - _logits_per_example(critic, x2))
        apart = distance > 0.0
        slope = jnp.where(apart, rise / jnp.where(apart, distance, 1.0), target)
        return mean32(jnp.square(slope - target))

    return penalty


def r1() -> InputGradientPenalty:
    """R1 on real examples, Mescheder et al. 2018 (arXiv 1801.04406, equation 9).

    1/2 E[||grad D(x)||_2^2]. The half is inside, so the weight is the paper's gamma.
    """

    def penalty(critic: Critic, real: PyTree, fake: PyTree, key: Key) -> Scalar:
        del fake, key
        return 0.5 * mean32(_squared_norm(_input_gradient(critic, real)))

    return InputGradientPenalty(penalty)


def r2() -> InputGradientPenalty:
    """R2, the same as `r1` on generated examples (the same paper, equation 10).

    1/2 E[||grad D(G(z))||_2^2]. The half is inside, so the weight is the paper's gamma.
    """

    def penalty(critic: Critic, real: PyTree, fake: PyTree, key: Key) -> Scalar:
        del real, key
        return 0.5 * mean32(_squared_norm(_input_gradient(critic, fake)))

    return InputGradientPenalty(penalty)


def dragan(*, noise_scale: float = 0.5, target: float = 1.0) -> InputGradientPenalty:
    """DRAGAN's penalty around the data, Kodali et al. 2017 (arXiv 1705.07215).

    E[(||grad D(x + d)||_2 - target)^2], d ~ N(0, s^2 I), s = `noise_scale` times the
    standard deviation of all elements of the batch, per leaf. The noise is Gaussian as in
    the paper's text, its scale that of the published code, which draws it uniformly.

    The deviation is that of the global batch: under a mapped batch axis
    (`tracing.batch_axis`) its moments are averaged over the axis. With accumulated
    micro-batches it is each micro-batch's own.

    Args:
        noise_scale: noise in standard deviations of the data.
        target: the wanted norm, in logits per unit of input.

    Returns:
        A penalty to be weighted by lambda (10 in the paper).
    """

    def penalty(critic: Critic, real: PyTree, fake: PyTree, key: Key) -> Scalar:
        del fake
        keys = prng.per_example(key, trees.batch_size(real))

        def perturb(path: str, x: Array) -> Array:
            noise = prng.draw(
                prng.stream(keys, path),
                lambda k: jax.random.normal(k, x.shape[1:], jnp.float32),
            )
            moved = x.astype(jnp.float32) + noise_scale * _global_deviation(x) * noise
            return moved.astype(x.dtype)

        gradient = _input_gradient(critic, trees.map_with_path(perturb, real))
        return mean32(jnp.square(safe_sqrt(_squared_norm(gradient)) - target))

    return InputGradientPenalty(penalty)


def _global_deviation(x: Array) -> Scalar:
    """Standard deviation of all elements over all shards of the batch, float32 ()."""
    mean = tracing.pmean(mean32(x))
    variance = tracing.pmean(mean32(jnp.square(x.astype(jnp.float32) - mean)))
    return jnp.sqrt(variance)


def assert_per_example(critic: Critic, x: PyTree) -> None:
    """Checks that every example's logit depends on that example alone.

    Changes one row of `x` after the other and compares the logits of the rest; so it runs
    the critic batch + 1 times on concrete values, outside `jit`.

    Args:
        critic: `(inputs) -> logits (batch,)`.
        x: a small batch of inputs, any pytree of float arrays, at least 2 examples.

    Raises:
        ValueError: the logit of one row moves with another row, the batch has fewer than 2
            examples, or the critic does not return one row of logits per example.
    """
    n = trees.batch_size(x)
    if n < 2:
        raise ValueError(f"assert_per_example needs 2 or more examples, got {n}")
    before = _logits(critic, x, n)
    for row in range(n):
        moved = _logits(critic, jax.tree.map(lambda a, r=row: _change_row(a, r), x), n)
        same = np.isclose(moved, before, rtol=1e-5, atol=1e-6, equal_nan=True).all(axis=1)
        coupled = [i for i in range(n) if i != row and not same[i]]
        if coupled:
            raise ValueError(
                f"the critic couples examples: changing row {row} changed the logit of row "
                f"{coupled[0]}; a penalty on input gradients needs a critic without batch "
                "statistics (use layer, instance or no normalisation)"
            )


def _logits(critic: Critic, x: PyTree, n: int) -> np.ndarray:
    logits = np.asarray(critic(x).astype(jnp.float32))
    if logits.ndim == 0 or logits.shape[0] != n:
        raise ValueError(
            f"the critic must return one logit per example: expected ({n},), got shape "
            f"{logits.shape}"
        )
    return logits.reshape(n, -1)


def _change_row(x: Array, row: int) -> Array:
    # Neither a shift nor a scaling alone: a critic may be invariant to either.
    return x.at[row].set(0.9 - 0.7 * x[row] + 0.3 * jnp.flip(x[row]))
