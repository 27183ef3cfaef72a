"""StyleGAN2 (1912.04958), and with adaptive augmentation StyleGAN2-ADA (2006.06676)."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax import losses, penalties
from gan_jax.game import Ema, Game
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.style_objectives import path_length, play_styled
from gan_jax.methods.terms import Weighted
from gan_jax.networks.stylegan2 import SynthesisNetwork, width_at
from gan_jax.networks.stylegan2_discriminator import StyleGAN2Discriminator
from gan_jax.networks.stylegan2_mapping import MappingNetwork, StyledGenerator
from gan_jax.nn.minibatch import MinibatchStddev
from gan_jax.optim import lazy_adam
from gan_jax.priors import normal

_STYLEGAN2 = Recipe(
    loss=losses.non_saturating,
    prior=normal(512),
    g_tx=lazy_adam(2e-3, 4),
    d_tx=lazy_adam(2e-3, 16),
    g_ema=Ema(10_000.0),
    # Of whole batches, not of single examples, by the deviation over minibatches.
    d_terms={"r1": Weighted(10.0, penalties.r1().fn, every=16)},
    g_terms={"path_length": Weighted(2.0, path_length(), every=4)},
)


def stylegan2(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    w_dim: int = 512,
    mapping_layers: int = 8,
    label_layers: int = 8,
    channel_base: int = 32768,
    channel_max: int = 512,
    g_architecture: str = "skip",
    d_architecture: str = "resnet",
    group_size: int | None = 4,
    use_noise: bool = True,
    mixing: float = 0.9,
    path_shrink: int = 2,
    clamp: float | None = None,
    reduced: int = 4,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _STYLEGAN2,
) -> Game:
    """StyleGAN2 (1912.04958, configuration F), on its authors' networks.

    Args:
        image_shape: (S, S, C) with S 4, 8, ..., 1024.
        num_classes: number of classes, or None; conditional as in 2006.06676.
        w_dim: length of w.
        mapping_layers: dense layers from latents to w.
        label_layers: dense layers from labels to what the discriminator's features are
            multiplied with.
        channel_base: channels of feature maps are this over their side; half for FFHQ at
            256 in 2006.06676.
        channel_max: but at most so many.
        g_architecture: "skip", "resnet" or "orig"; see `networks.stylegan2.ARCHITECTURES`.
        d_architecture: the same of the discriminator.
        group_size: examples that the discriminator compares; None for the whole batch, 0
            for no comparison.
        use_noise: whether the generator adds noise.
        mixing: probability that an image has the styles of two latents.
        path_shrink: path lengths are of every so manieth example.
        clamp: largest absolute value after a convolution, or None; 256 in the authors' code
            for half precision.
        reduced: how many of the finest resolutions are computed in `dtype`.
        dtype: their compute type.
        recipe: loss, prior, optimizers and terms; non-saturating, R1 with gamma 10 every 16
            steps and path length with weight 2 every 4, Adam(2e-3, 0, 0.99) corrected for
            both, an average of half-life 10,000 images. The authors' code moves the mean of
            w in every phase; here the generator's own moves it.
    """
    side, wide, channels = image_shape
    if side != wide:
        raise ValueError(
            f"StyleGAN2 has square images, not {side} x {wide}; resize or crop the data, "
            f"for example with data.image_shape=({side}, {side}, {channels})"
        )
    synthesis = SynthesisNetwork(
        side,
        channels,
        channel_base,
        channel_max,
        g_architecture,
        clamp=clamp,
        use_noise=use_noise,
        reduced=reduced,
        dtype=dtype,
    )
    mapping = MappingNetwork(w_dim, synthesis.num_ws, num_classes, mapping_layers)
    labels = None
    if num_classes is not None:
        features = width_at(4, channel_base, channel_max)
        labels = MappingNetwork(features, None, num_classes, label_layers, decay=None)
    discriminator = StyleGAN2Discriminator(
        side,
        channel_base,
        channel_max,
        d_architecture,
        labels,
        minibatch=(
            None if group_size == 0 else partial(MinibatchStddev, group_size=group_size)
        ),
        clamp=clamp,
        reduced=reduced,
        dtype=dtype,
    )
    return play_styled(
        StyledGenerator(mapping, synthesis),
        discriminator,
        image_shape,
        recipe,
        num_classes,
        mixing=mixing,
        shrink=path_shrink,
        couples=group_size != 0,
    )
