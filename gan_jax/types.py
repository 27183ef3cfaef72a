"""The vocabulary of the library: names for the few shapes of function it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

Array = jax.Array
PyTree = Any
Params = PyTree
Stats = PyTree
Key = jax.Array
"""A typed key of shape (), or one key per example of shape (batch,)."""
Scalar = jax.Array

Critic = Callable[[PyTree], Array]
"""`(inputs) -> logits`: inputs are any pytree with a leading batch axis, logits are
(batch,). Parameters, labels and mode are closed over."""

Penalty = Callable[[Critic, PyTree, PyTree, Key], Scalar]
"""`(critic, real, fake, key) -> scalar`, float32, mean over the batch."""


class Outputs(NamedTuple):
    """What a discriminator with more than one head returns.

    Attributes:
        logits: real against fake, (batch,).
        features: what the heads see, a pytree of (batch, ...), or None.
        classes: class logits (batch, num_classes), or any pytree of further heads, or None.
    """

    logits: Array
    features: PyTree = None
    classes: PyTree = None


class Posterior(NamedTuple):
    """What a stochastic encoder knows of the latents of its examples: N(mean, variance).

    Attributes:
        mean: (batch, latents), float32.
        log_variance: of each latent by itself, (batch, latents), float32.
    """

    mean: Array
    log_variance: Array


@dataclass(frozen=True)
class InputGradientPenalty:
    """A `Penalty` on gradients in the critic's inputs. It has a meaning only where the
    critic treats examples independently, which a game checks when it is built.

    Attributes:
        fn: `(critic, real, fake, key) -> scalar`, float32.
    """

    fn: Penalty

    def __call__(self, critic: Critic, real: PyTree, fake: PyTree, key: Key) -> Scalar:
        return self.fn(critic, real, fake, key)


class ParamPenalty(NamedTuple):
    """A penalty on parameters alone.

    Attributes:
        fn: `(params) -> scalar`, float32.
    """

    fn: Callable[[Params], Scalar]

    def __call__(self, params: Params) -> Scalar:
        return self.fn(params)


class AdversarialLoss(NamedTuple):
    """A pair of losses over logits; both players see both, so that relativistic losses
    are not special. What a loss does not use is pruned by `jit` and costs nothing.

    Attributes:
        discriminator: `(real_logits, fake_logits) -> scalar`, minimised by D.
        generator: `(real_logits, fake_logits) -> scalar`, minimised by G.
    """

    discriminator: Callable[[Array, Array], Scalar]
    generator: Callable[[Array, Array], Scalar]


class MeanLoss(AdversarialLoss):
    """An adversarial loss whose sides are means of one term per logit, whatever the other
    logits are: the mean over the shards of a batch is then the loss of the whole batch, and
    no logits are gathered. Relativistic losses are not of this kind.
    """

    __slots__ = ()


def _unchanged(params: Params) -> Params:
    return params


class ParamTransform(NamedTuple):
    """A reparameterisation: the network sees `apply(params, state)` instead of `params`.

    Attributes:
        init: `(params, key) -> state`.
        update: `(params, state) -> state`; one step of whatever the state tracks (a power
            iteration), never differentiated, called once per optimizer step of the player.
        apply: `(params, state) -> params`, differentiable in `params` only.
        parametrize: `(params) -> params`; turns a network's own parameters into the ones
            that are trained, where the two differ in structure (weight normalisation).
            Called once, before `init` and before the optimizer sees the parameters.
    """

    init: Callable[[Params, Key], PyTree]
    update: Callable[[Params, PyTree], PyTree]
    apply: Callable[[Params, PyTree], Params]
    parametrize: Callable[[Params], Params] = _unchanged


class Net(NamedTuple):
    """A network as two pure functions; example shapes are closed over.

    Attributes:
        init: `(key) -> (params, stats)`; `stats` holds every non-trained collection.
        apply: `(params, stats, *inputs, train) -> (outputs, new_stats)`.
        stochastic: whether `apply` also takes `keys`, one per example, of the noise that it
            draws in training (dropout, Gaussian noise); None for no noise.
    """

    init: Callable[[Key], tuple[Params, Stats]]
    apply: Callable[..., tuple[Any, Stats]]
    stochastic: bool = False
