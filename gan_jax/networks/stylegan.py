"""StyleGAN (1812.04948): networks that grow, with styles and noise in every layer.

The kernels of the generator are scaled where they are used, as those of StyleGAN2
(`networks.stylegan2_layers`); the discriminator's are made for an equalised learning rate,
as ProGAN's.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import ArrayLike, DTypeLike

from gan_jax import prng
from gan_jax.networks.growing import SMALLEST, faded, resolved, weights_of
from gan_jax.networks.progan import ProGANDiscriminator, ProGANPlan, progan_plan
from gan_jax.networks.stylegan2_layers import (
    CONST,
    Noise,
    ScaledConv,
    ScaledDense,
    check_noise,
)
from gan_jax.networks.stylegan2_mapping import StyledGenerator, crossed
from gan_jax.nn.conv import NEAREST, conv
from gan_jax.nn.initializers import normal
from gan_jax.nn.layers import ConvPool, add_bias
from gan_jax.nn.norm import InstanceNorm
from gan_jax.types import Array

_SLOPE = 0.2
_GAIN = math.sqrt(2.0)


def blur(x: Array) -> Array:
    """The filter (1, 2, 1) / 4 along both axes, zeros outside: (B, H, W, C) to the same."""
    for axis in (1, 2):
        pads = [(0, 0)] * 4
        pads[axis] = (1, 1)
        padded = jnp.pad(x, pads)
        before, here, after = (
            jax.lax.slice_in_dim(padded, start, start + x.shape[axis], axis=axis)
            for start in range(3)
        )
        x = 0.25 * before + 0.5 * here + 0.25 * after
    return x


class StyleGANLayer(linen.Module):
    """Noise of a learned strength by channel, bias, LeakyReLU 0.2 and AdaIN of a 3 x 3
    convolution, or of the learned constant that a network begins with.

    Attributes:
        features: output channels.
        up: whether the resolution doubles, by nearest neighbours before the convolution and
            a blur after it.
        use_noise: whether there is noise.
        dtype: compute type; parameters, styles and noise are float32.
    """

    features: int
    up: bool = False
    use_noise: bool = True
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array | None, w: Array, noise: Noise) -> Array:
        """Features (B, H, W, C) of those before, or of the constant for None.

        Args:
            x: (B, H, W, I), or None.
            w: (B, W), of which the style is a linear map.
            noise: see `Noise`.
        """
        h = self._constant(len(w)) if x is None else self._convolved(x)
        if self.use_noise:
            h = self._noised(h, noise)
        zeros = jax.nn.initializers.zeros
        h = add_bias(h, self.param("bias", zeros, (self.features,), jnp.float32))
        h = jax.nn.leaky_relu(h, _SLOPE)
        h = InstanceNorm(1e-8, affine=False, name="norm")(h)
        style = ScaledDense(2 * self.features, name="affine")(w)
        scale, shift = jnp.split(style[:, None, None, :], 2, axis=-1)
        return (h * (1.0 + scale) + shift).astype(self.dtype)

    def _constant(self, rows: int) -> Array:
        ones = jax.nn.initializers.ones
        shape = (SMALLEST, SMALLEST, self.features)
        constant = self.param("constant", ones, shape, jnp.float32)
        return jnp.broadcast_to(constant[None].astype(self.dtype), (rows, *shape))

    def _convolved(self, x: Array) -> Array:
        shape = (3, 3, x.shape[-1], self.features)
        kernel = self.param("kernel", normal(1.0), shape, jnp.float32)
        kernel = (kernel * (_GAIN / math.sqrt(math.prod(shape[:3])))).astype(self.dtype)
        x = x.astype(self.dtype)
        return blur(NEAREST.conv(x, kernel)) if self.up else conv(x, kernel)

    def _noised(self, h: Array, noise: Noise) -> Array:
        """`h` with noise of an image; what is kept is of the collection "noise"."""
        zeros, side = jax.nn.initializers.zeros, h.shape[1]
        strength = self.param("noise_strength", zeros, (self.features,), jnp.float32)
        plane = None
        if self.is_initializing() or (isinstance(noise, str) and noise == CONST):
            plane = self.variable("noise", "plane", self._plane, side).value[None]
        if not isinstance(noise, str):
            own = prng.stream(noise, "/".join(self.path))
            plane = prng.draw(own, lambda key: jax.random.normal(key, (side, side)))
        elif noise != CONST:
            return h
        assert plane is not None  # kept, or just drawn
        spread = plane[..., None] * strength.reshape(1, 1, 1, -1)
        return h + spread.astype(h.dtype)

    def _plane(self, side: int) -> Array:
        return jax.random.normal(self.make_rng("params"), (side, side), jnp.float32)


class StyleGANSynthesis(linen.Module):
    """Two layers a stage, of which the first is the learned constant, and a 1 x 1
    convolution to the image, mixed as ProGAN's while a stage fades in.

    Attributes:
        plan: channels of the stages.
        channels: of the images: 1, 3 or 4.
        use_noise: whether noise is added in the layers.
        dtype: compute type; parameters and images are float32.
    """

    plan: ProGANPlan = progan_plan(32, 32)
    channels: int = 3
    use_noise: bool = True
    dtype: DTypeLike = jnp.float32

    @property
    def stages(self) -> int:
        """How many there are."""
        return len(self.plan.features)

    @property
    def num_ws(self) -> int:
        """Layers that a style is for."""
        return 2 * self.stages

    @linen.compact
    def __call__(
        self,
        ws: Array,
        *,
        noise: Noise = CONST,
        stage: int | None = None,
        alpha: ArrayLike = 1.0,
    ) -> Array:
        """Maps styles to images, float32.

        Args:
            ws: (B, num_ws, W).
            noise: see `Noise`.
            stage: the finest that is computed; None for all.
            alpha: weight of the finest stage, or of all stages but the coarsest; see
                `growing.weights_of`.

        Returns:
            (B, H, W, channels), H and W those of the stage.

        Raises:
            ValueError: there are not as many styles as layers, or no such noise.
        """
        check_noise(noise)
        if ws.shape[1] != self.num_ws:
            raise ValueError(
                f"a network of {self.stages} stages has {self.num_ws} styles, got "
                f"{ws.shape[1]}"
            )
        stage = resolved(stage, self.stages)
        weights = weights_of(stage, alpha)
        ws, h, image = ws.astype(jnp.float32), None, None
        for k in range(stage + 1):
            for index in range(2):
                layer = StyleGANLayer(
                    self.plan.features[k],
                    up=index == 0 and k > 0,
                    use_noise=self.use_noise,
                    dtype=self.dtype,
                    name=f"layer_{k}_{index}",
                )
                h = layer(h, ws[:, 2 * k + index], noise)
            if not self.is_initializing() and k < stage and weights[k + 1] is None:
                continue
            assert h is not None  # of the constant at first
            own = ScaledConv(self.channels, 1, dtype=self.dtype, name=f"image_{k}")
            new = own(h).astype(jnp.float32)
            image = new if image is None else faded(new, NEAREST.resize(image), weights[k])
        assert image is not None  # the finest stage always gives one
        return image


class StyleGANGenerator(StyledGenerator):
    """A mapping network and a synthesis network that grows as one generator of latents, and
    by halves: `module.apply(variables, z, y, method="styles")` and `method="images"`.
    """

    @property
    def stages(self) -> int:
        """How many there are."""
        return self.synthesis.stages

    def __call__(
        self,
        z: Array,
        y: Array | None = None,
        *,
        train: bool = False,
        truncation: float = 1.0,
        layers: tuple[int, int] | None = None,
        noise: Noise = CONST,
        stage: int | None = None,
        alpha: ArrayLike = 1.0,
        mixed: tuple[Array, Array] | None = None,
    ) -> Array:
        """Maps latents (B, Z) and labels (B,) to images (B, H, W, C) of a stage.

        Args:
            z: latents.
            y: labels, or None.
            train: whether the running mean of w moves.
            truncation: psi, as of `MappingNetwork`.
            layers: the first layer that is truncated, and one past the last.
            noise: see `Noise`.
            stage: as of `StyleGANSynthesis`.
            alpha: as there.
            mixed: other latents (B, Z), and the layers (B,) from which on they give the
                styles; see `crossed`.
        """
        ws = self.styles(z, y, train=train, truncation=truncation, layers=layers)
        if mixed is not None:
            other, cuts = mixed
            ws = crossed(ws, self.styles(other, y), cuts)
        return self.images(ws, noise=noise, stage=stage, alpha=alpha)

    def images(
        self,
        ws: Array,
        *,
        noise: Noise = CONST,
        stage: int | None = None,
        alpha: ArrayLike = 1.0,
    ) -> Array:
        """Styles (B, num_ws, W) to images."""
        return self.synthesis(ws, noise=noise, stage=stage, alpha=alpha)


class StyleGANDiscriminator(ProGANDiscriminator):
    """ProGAN's, with a blur before the second convolution of a stage, whose 2 x 2 means are
    taken before its bias, as in the authors' code.
    """

    def _down(self, h: Array, stage: int) -> Array:
        make = ConvPool(
            self.plan.features[stage - 1],
            kernel_init=normal(1.0),
            dtype=self.dtype,
            name=f"conv_{stage}_1",
        )
        return jax.nn.leaky_relu(make(blur(h)), self.slope)
