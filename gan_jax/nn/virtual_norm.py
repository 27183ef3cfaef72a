"""Virtual batch normalisation (1606.03498, section 3.5), for any network of the library.

The reference batch is drawn once, when the network is initialised, and lies with its
statistics in the collection "reference". `WithReference` runs the network on the reference
first, where every `VirtualBatchNorm` normalises it by its own moments and leaves these in
the collection "virtual", which lasts for this one call; then on the batch, where each
example is normalised by the moments of the reference plus itself. Both passes are
differentiated. Examples never meet, so penalties on input gradients can be used, and the
result does not depend on the batch or on how it is split over devices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen

from gan_jax.nn.norm import PerExampleNorm, example_moments
from gan_jax.types import Array, Key

_MOMENTS = "virtual"
_REFERENCE = "reference"

Reference = Callable[[Key], tuple[Array, Array | None]]
"""`(key) -> (inputs (R, ...), labels (R,) or None)`, called once."""


def drawn(
    sampler: Callable[[Key], Array], rows: int, num_classes: int | None = None
) -> Reference:
    """A reference batch of draws, for a generator's latents.

    Args:
        sampler: `(key) -> inputs` of one example, such as a prior.
        rows: examples in the reference batch.
        num_classes: number of classes, whose labels go round; None for no labels.
    """

    def reference(key: Key) -> tuple[Array, Array | None]:
        labels = None
        if num_classes is not None:
            labels = jnp.arange(rows, dtype=jnp.int32) % num_classes
        return jax.vmap(sampler)(jax.random.split(key, rows)), labels

    return reference


def fixed(inputs: Array, labels: Array | None = None) -> Reference:
    """A reference batch of given examples, for a discriminator.

    Args:
        inputs: (R, ...), as the network takes them: images in [-1, 1].
        labels: int (R,), for a conditional network.
    """
    return lambda key: (inputs, labels)


class VirtualBatchNorm(PerExampleNorm):
    """Normalises each example by the moments, per channel over rows and space, of the
    reference batch plus this example. Its network must be wrapped in `WithReference`.
    """

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Normalises (B, ..., C); `y` and the mode are not used.

        Raises:
            ValueError: there is no reference batch.
        """
        wide = x.astype(jnp.float32)
        if self.is_initializing() or self.is_mutable_collection(_MOMENTS):
            mean, variance = self._of_reference(wide)
        elif self.has_variable(_MOMENTS, "mean"):
            mean, variance = self._of_reference_and_example(wide)
        else:
            raise ValueError(
                "virtual batch normalisation has no reference batch: wrap the network in "
                "WithReference(network, reference)"
            )
        return self._finish((wide - mean) * jax.lax.rsqrt(variance + self.epsilon))

    def _of_reference(self, x: Array) -> tuple[Array, Array]:
        """Moments of the reference batch, kept for the pass of the batch."""
        mean, variance = example_moments(x, tuple(range(x.ndim - 1)))
        if not self.is_initializing():
            self.put_variable(_MOMENTS, "mean", mean)
            self.put_variable(_MOMENTS, "variance", variance)
            self.put_variable(_MOMENTS, "rows", jnp.float32(x.shape[0]))
        return mean, variance

    def _of_reference_and_example(self, x: Array) -> tuple[Array, Array]:
        """Moments of R + 1 examples, without a difference of large squares."""
        mean: Array = self.get_variable(_MOMENTS, "mean")
        variance: Array = self.get_variable(_MOMENTS, "variance")
        own_mean, own_variance = example_moments(x, tuple(range(1, x.ndim - 1)))
        own = 1.0 / (self.get_variable(_MOMENTS, "rows") + 1.0)
        gap = own_mean - mean
        variance = (1.0 - own) * (variance + own * jnp.square(gap)) + own * own_variance
        return mean + own * gap, variance


class WithReference(linen.Module):
    """A network with `VirtualBatchNorm`, beside which a fixed reference batch runs.

    Its parameters are the network's, under "network"; it is called as the network is. Its
    only statistic is the reference batch, float32 held as bits (uint32), so that it stays
    the same to the last one on any number of devices.

    Attributes:
        network: `(inputs, y=None, *, train) -> outputs`, with no other statistics.
        reference: how the reference batch is drawn, once.
    """

    network: linen.Module
    reference: Reference

    @linen.compact
    def __call__(
        self, inputs: Array, y: Array | None = None, *, train: bool = False
    ) -> Any:
        """The network's outputs for inputs (B, ...) and labels (B,)."""
        reference, labels = self._stored()
        if self.is_initializing():
            return self.network(inputs, y, train=train)
        params = {"params": self._params()}
        network = self.network.clone(parent=None, name=None)
        _, moments = network.apply(
            params, reference, labels, train=train, mutable=[_MOMENTS]
        )
        return network.apply({**params, **moments}, inputs, y, train=train)

    def _stored(self) -> tuple[Array, Array | None]:
        """The reference batch, drawn at initialisation."""
        if self.is_initializing():
            inputs, labels = self.reference(self.make_rng("params"))
            # As bits: float statistics are averaged over shards and slices, which rounds.
            bits = jax.lax.bitcast_convert_type(inputs.astype(jnp.float32), jnp.uint32)
            self.put_variable(_REFERENCE, "inputs", bits)
            if labels is not None:
                self.put_variable(_REFERENCE, "labels", labels)
        bits = self.get_variable(_REFERENCE, "inputs")
        inputs = jax.lax.bitcast_convert_type(bits, jnp.float32)
        return inputs, self.get_variable(_REFERENCE, "labels")

    def _params(self) -> Mapping[str, Any]:
        """The network's parameters.

        Raises:
            ValueError: it has statistics of its own.
        """
        others = sorted(set(self.variables) - {"params", _REFERENCE})
        if others:
            raise ValueError(
                f"a network with a reference batch cannot keep {others} of its own: use "
                "VirtualBatchNorm, or norms without running statistics, throughout"
            )
        return self.variables["params"]["network"]
