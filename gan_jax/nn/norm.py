"""Normalisations, called `(x, y=None, *, train=False)`, so that a network takes any.

`y` is what the normalisation is conditioned on: labels, or a style vector per example.
Statistics are float32 whatever the compute type, and those over the batch are global: over
the mapped batch axis where there is one (`gan_jax.tracing`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax import tracing
from gan_jax.nn.initializers import Initializer
from gan_jax.nn.layers import Dense, Embed
from gan_jax.types import Array

NormFactory = Callable[..., linen.Module]
"""`(dtype=..., name=...) -> module`, the module called `(x, y, train=...)`. One that is to
be modulated also takes `affine=False`: no gain and bias of its own."""


def batch_moments(x: Array) -> tuple[Array, Array]:
    """Mean and (biased) variance per channel over the global batch and space.

    Args:
        x: (B, ..., C).

    Returns:
        Two float32 arrays (C,). The variance is that of the centred values, not a
        difference of moments, which cancels where |mean| is large.
    """
    axes = tuple(range(x.ndim - 1))
    x = x.astype(jnp.float32)
    mean = tracing.pmean(x.mean(axes))
    centred = x - spread(mean, x)
    return mean, tracing.pmean(jnp.square(centred).mean(axes))


def group_moments(x: Array, size: int) -> tuple[Array, Array]:
    """The same over groups of `size` neighbouring rows of the global batch ("ghost batch
    normalisation", 1705.08741), whatever the number of shards.

    Args:
        x: (B, ..., C).
        size: divides the global batch; and either divides B, so that nothing passes
            between shards, or is a multiple of it.

    Returns:
        Two float32 arrays (B, C): those of the group of each row.

    Raises:
        ValueError: the batch does not fall into such groups.
    """
    rows, channels = x.shape[0], x.shape[-1]
    if (rows * tracing.batch_shards()) % size or (rows % size and size % rows):
        raise ValueError(
            f"batch normalisation by groups of {size} needs a batch that is a multiple of "
            f"it, whole groups or whole parts of one on every device; got {rows} rows on "
            f"each of {tracing.batch_shards()}"
        )
    within = min(size, rows)
    x = x.astype(jnp.float32).reshape(rows // within, within, -1, channels)
    own = tracing.global_rows(rows) // size

    def over_groups(part: Array) -> Array:
        """(parts, C) to the mean of the group that each row is in, (B, C)."""
        if size <= rows:
            return jnp.repeat(part, size, axis=0)
        parts = tracing.gather(part)
        return parts.reshape(-1, size // rows, channels).mean(axis=1)[own]

    mean = over_groups(x.mean(axis=(1, 2)))
    centred = x - mean[::within, None, None]
    return mean, over_groups(jnp.square(centred).mean(axis=(1, 2)))


def spread(per_channel: Array, x: Array) -> Array:
    """(C,) or (B, C) with unit axes for the space of `x` (B, ..., C)."""
    lead = per_channel.shape[:-1] + (1,) * (x.ndim - per_channel.ndim)
    return per_channel.reshape(*lead, per_channel.shape[-1])


def _modulate(
    x: Array, mean: Array, inverse: Array, bias: Array, dtype: DTypeLike
) -> Array:
    """`(x - mean) * inverse + bias` in float32, returned in `dtype`."""
    y = (x.astype(jnp.float32) - spread(mean, x)) * spread(inverse, x)
    return (y + spread(bias, x)).astype(dtype)


class _BatchStatistics(linen.Module):
    """Batch moments in training, their running means otherwise.

    Attributes:
        momentum: weight of the old running mean in each update.
        epsilon: added to the variance.
        dtype: type of the result.
        group_size: examples that share their moments in training (`group_moments`); None is
            the whole global batch.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    dtype: DTypeLike = jnp.float32
    group_size: int | None = None

    def _moments(self, x: Array, train: bool) -> tuple[Array, Array]:
        """Mean and inverse deviation, (C,) or by group (B, C); updates collection
        "batch_stats" in training.
        """
        shape = (x.shape[-1],)
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape, jnp.float32)
        var = self.variable("batch_stats", "var", jnp.ones, shape, jnp.float32)
        if not train:
            return mean.value, jax.lax.rsqrt(var.value + self.epsilon)
        if self.group_size is None:
            batch_mean, batch_var = moments = batch_moments(x)
        else:
            batch_mean, batch_var = group_moments(x, self.group_size)
            moments = tuple(tracing.pmean(m.mean(axis=0)) for m in (batch_mean, batch_var))
        if not self.is_initializing():
            mean.value, var.value = map(self._running, (mean.value, var.value), moments)
        return batch_mean, jax.lax.rsqrt(batch_var + self.epsilon)

    def _running(self, old: Array, new: Array) -> Array:
        return self.momentum * old + (1.0 - self.momentum) * new


class BatchNorm(_BatchStatistics):
    """Batch normalisation (1502.03167) with a gain and a bias per channel.

    Attributes:
        affine: whether there are a gain and a bias.
    """

    affine: bool = True

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Normalises (B, ..., C); `y` is not used."""
        mean, inverse = self._moments(x, train)
        if not self.affine:
            return _modulate(x, mean, inverse, jnp.zeros_like(mean), self.dtype)
        scale, bias = scale_and_bias(self, x.shape[-1])
        gain = inverse * scale.reshape((1,) * (inverse.ndim - 1) + scale.shape)
        return _modulate(x, mean, gain, bias, self.dtype)


class ConditionalBatchNorm(_BatchStatistics):
    """Batch normalisation with a gain and a bias per class and channel (1610.07629), the
    gain centred on 1.

    Attributes:
        num_classes: number of classes.
    """

    num_classes: int = 1

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Normalises (B, ..., C) for labels `y`, int (B,).

        Raises:
            ValueError: there are no labels.
        """
        if y is None:
            raise ValueError("conditional batch normalisation needs labels y (batch,)")
        mean, inverse = self._moments(x, train)
        zeros = jax.nn.initializers.zeros
        gain = Embed(self.num_classes, x.shape[-1], zeros, name="gain")(y)
        bias = Embed(self.num_classes, x.shape[-1], zeros, name="bias")(y)
        return _modulate(x, mean, jnp.atleast_2d(inverse) * (1.0 + gain), bias, self.dtype)


def scale_and_bias(module: linen.Module, channels: int) -> tuple[Array, Array]:
    """A trained gain and bias (C,) of the module being called, which start at 1 and 0."""
    ones, zeros = jax.nn.initializers.ones, jax.nn.initializers.zeros
    scale = module.param("scale", ones, (channels,), jnp.float32)
    return scale, module.param("bias", zeros, (channels,), jnp.float32)


def example_moments(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Mean and (biased) variance of float32 `x` over `axes`, which are kept."""
    mean = x.mean(axes, keepdims=True)
    return mean, jnp.square(x - mean).mean(axes, keepdims=True)


class PerExampleNorm(linen.Module):
    """What normalisations share that keep examples apart, as a gradient penalty needs.

    Attributes:
        epsilon: added to the variance.
        affine: whether there are a gain and a bias per channel.
        dtype: type of the result.
    """

    epsilon: float = 1e-5
    affine: bool = True
    dtype: DTypeLike = jnp.float32

    def _finish(self, normal: Array) -> Array:
        """Gain and bias, where there are any, of normalised float32 (B, ..., C)."""
        if self.affine:
            scale, bias = scale_and_bias(self, normal.shape[-1])
            normal = normal * spread(scale, normal) + spread(bias, normal)
        return normal.astype(self.dtype)

    def _standardise(self, x: Array, axes: tuple[int, ...]) -> Array:
        wide = x.astype(jnp.float32)
        mean, variance = example_moments(wide, axes)
        return self._finish((wide - mean) * jax.lax.rsqrt(variance + self.epsilon))


class LayerNorm(PerExampleNorm):
    """Layer normalisation (1607.06450) over all axes but the batch; what WGAN-GP's critic
    uses.
    """

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Normalises (B, ..., C); `y` and the mode are not used."""
        return self._standardise(x, tuple(range(1, x.ndim)))


class InstanceNorm(PerExampleNorm):
    """Instance normalisation (1607.08022): each channel of each example over space, in
    training and evaluation alike.
    """

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Normalises (B, ..., C); `y` and the mode are not used.

        Raises:
            ValueError: the input has no space.
        """
        if x.ndim < 3:
            raise ValueError(
                "instance normalisation needs images (batch, height, width, channels), got "
                f"shape {x.shape}; use LayerNorm for vectors"
            )
        return self._standardise(x, tuple(range(1, x.ndim - 1)))


class PixelNorm(PerExampleNorm):
    """Pixelwise feature vector normalisation (1710.10196, section 4.2): each place's vector
    of channels is divided by the root of its mean square; no gain and bias by default.
    """

    epsilon: float = 1e-8
    affine: bool = False

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Normalises (B, ..., C); `y` and the mode are not used."""
        wide = x.astype(jnp.float32)
        square = jnp.square(wide).mean(axis=-1, keepdims=True)
        return self._finish(wide * jax.lax.rsqrt(square + self.epsilon))


class Modulated(linen.Module):
    """A normalisation whose gain and bias are functions of a style vector per example, the
    gain centred on 1 (FiLM, 1709.07871).

    With a shared class embedding (and a chunk of the latent) as style it is BigGAN's batch
    norm (1809.11096, appendix B); with hidden layers and the latent as style it is
    self-modulation (1810.01365); over `InstanceNorm` it is AdaIN (1703.06868, eq. 8). The
    kernels are ".../gain/kernel" and ".../bias/kernel", which a spectral norm can select.

    Attributes:
        base: factory of the normalisation, without gain and bias of its own.
        hidden: units of the hidden layer, with ReLU, before each of the two linear maps;
            None for none.
        use_bias: whether the two linear maps have biases; BigGAN's have none.
        kernel_init: initialiser of the two linear maps. Zeros start as the plain
            normalisation; under a spectral norm choose another, which has a direction.
        dtype: type of the result.
    """

    base: NormFactory = partial(BatchNorm, affine=False)
    hidden: int | None = None
    use_bias: bool = True
    kernel_init: Initializer = jax.nn.initializers.zeros
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Normalises (B, ..., C) for styles `y`, float (B, S).

        Raises:
            ValueError: there are no styles.
        """
        if y is None or not jnp.issubdtype(y.dtype, jnp.floating):
            raise ValueError(
                "a modulated normalisation needs a float style (batch, features) per "
                "example; for labels use ConditionalBatchNorm or an embedding of them"
            )
        normal = self.base(dtype=jnp.float32, name="norm")(x, train=train)
        gain = 1.0 + self._linear(y, x.shape[-1], "gain")
        bias = self._linear(y, x.shape[-1], "bias")
        return (normal * spread(gain, x) + spread(bias, x)).astype(self.dtype)

    def _linear(self, style: Array, channels: int, name: str) -> Array:
        if self.hidden is not None:
            style = jax.nn.relu(Dense(self.hidden, name=f"{name}_hidden")(style))
        return Dense(channels, self.use_bias, self.kernel_init, name=name)(style)


adaptive_instance_norm = partial(Modulated, base=partial(InstanceNorm, affine=False))
"""AdaIN (1703.06868, eq. 8) by a style vector, as a `NormFactory`."""


def conditioned(norm: NormFactory | None, num_classes: int | None) -> NormFactory | None:
    """The normalisation of a generator: `norm`, or by class where there are classes.

    Raises:
        ValueError: classes, but no normalisation to carry them.
    """
    if num_classes is None:
        return norm
    if norm is None:
        raise ValueError(
            "a generator that is conditional by its batch normalisation cannot have "
            "norm=None: set num_classes=None, keep the norm, or set modulation=None and "
            "give input_labels"
        )
    return partial(ConditionalBatchNorm, num_classes=num_classes)


def normalise(
    make: NormFactory | None, x: Array, y: Array | None, *, train: bool, name: str
) -> Array:
    """Applies a new module `make(dtype=..., name=...)`, or nothing where `make` is None. To
    be called inside a compact module.
    """
    return x if make is None else make(dtype=x.dtype, name=name)(x, y, train=train)
