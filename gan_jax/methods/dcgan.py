"""Methods published on DCGAN's networks: they differ in their recipes alone."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses
from gan_jax.game import Game
from gan_jax.losses import ClassLoss
from gan_jax.methods.conditioning import (
    AUXILIARY,
    BY_NORM,
    BY_ORIGIN,
    HIDDEN,
    INPUT,
    ONLY_CLASSES,
    PROXIES,
    TWIN,
    Conditioning,
)
from gan_jax.methods.families import play
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.regularisers import class_term, feature_matching
from gan_jax.methods.terms import Weighted
from gan_jax.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.nn.minibatch import MinibatchDiscrimination, MinibatchFactory
from gan_jax.nn.norm import BatchNorm, NormFactory
from gan_jax.optim import keep_params_in_box
from gan_jax.priors import normal, uniform


def _with_classes(base: Recipe, loss: ClassLoss, weight: float = 1.0) -> Recipe:
    """A recipe with a class loss for both players beside the adversarial one."""
    terms = {"classes": Weighted(weight, class_term(loss))}
    return base._replace(d_terms=terms, g_terms=terms)


_ADAM = optax.adam(2e-4, b1=0.5, b2=0.999)
_DCGAN = Recipe(loss=losses.non_saturating, prior=uniform(100), g_tx=_ADAM, d_tx=_ADAM)
_LSGAN = _DCGAN._replace(loss=losses.least_squares, prior=uniform(1024))
_IMPROVED = _DCGAN._replace(loss=losses.label_smoothing())
_HINGE = _DCGAN._replace(loss=losses.hinge)
_PEARSON = _DCGAN._replace(loss=losses.f_divergence("pearson"))
_PAIRED = _DCGAN._replace(loss=losses.relativistic(losses.non_saturating, average=False))
_AVERAGE = _DCGAN._replace(loss=losses.relativistic(losses.non_saturating))
_ACGAN = _with_classes(_DCGAN, losses.acgan())
_TAC = _with_classes(_HINGE, losses.tac())
_ADC = _with_classes(_HINGE, losses.adc())
_CONTRA = _with_classes(_HINGE, losses.two_c())
_REAC = _with_classes(_HINGE, losses.d2d_ce(), weight=0.5)
_WGAN = Recipe(
    loss=losses.wasserstein,
    prior=normal(100),
    g_tx=optax.rmsprop(5e-5, decay=0.99),
    d_tx=optax.chain(optax.rmsprop(5e-5, decay=0.99), keep_params_in_box(-0.01, 0.01)),
    d_steps=5,
)
_MULTI_HINGE = class_term(losses.multi_hinge())
_MH = _DCGAN._replace(
    loss=losses.zero,
    d_terms={"classes": Weighted(1.0, _MULTI_HINGE)},
    g_terms={
        "classes": Weighted(0.05, _MULTI_HINGE),
        "features": Weighted(1.0, feature_matching()),
    },
)


def dcgan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    width: int = 128,
    kernel_size: int = 5,
    d_norm: NormFactory | None = BatchNorm,
    conditioning: Conditioning = BY_NORM,
    minibatch: MinibatchFactory | None = None,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _DCGAN,
) -> Game:
    """Deep convolutional GAN (1511.06434).

    Args:
        image_shape: (H, W, C), both sides even and at least 8.
        num_classes: number of classes, or None.
        width: channels of the finest layer; 128 gives the paper's 1024 at 4 x 4.
        kernel_size: side of the convolutions' windows, 5 in the paper.
        d_norm: normalisation of the discriminator. Penalties on input gradients need one
            that keeps examples apart (`LayerNorm`), or None.
        conditioning: where labels enter, if there are classes.
        minibatch: factory of a layer before the discriminator's head that looks at the
            batch (`nn.MinibatchDiscrimination`).
        dtype: compute type of the networks.
        recipe: loss, prior, optimizers and terms; the paper's Adam(2e-4, 0.5, 0.999), and
            z uniform on [-1, 1]^100.
    """
    height, breadth, channels = image_shape
    generator = DCGANGenerator(
        (height, breadth, channels),
        width,
        kernel_size,
        num_classes=num_classes,
        input_labels=conditioning.g_input,
        hidden_labels=conditioning.g_hidden,
        modulation=conditioning.g_modulation,
        dtype=dtype,
    )
    discriminator = DCGANDiscriminator(
        width,
        kernel_size,
        d_norm,
        num_classes=num_classes,
        input_labels=conditioning.d_input,
        hidden_labels=conditioning.d_hidden,
        minibatch=minibatch,
        head=conditioning.head,
        dtype=dtype,
    )
    return play(
        generator,
        discriminator,
        image_shape,
        recipe,
        num_classes,
        couples=minibatch is not None,
    )


improved_gan = partial(dcgan, minibatch=MinibatchDiscrimination, recipe=_IMPROVED)
"""Improved GAN (1606.03498, section 3) on DCGAN's networks: minibatch discrimination and
one-sided label smoothing. Its other techniques are values too: feature matching and
historical averaging are terms (`methods.regularisers`), virtual batch normalisation a norm
(`nn.VirtualBatchNorm`).
"""

lsgan = partial(dcgan, recipe=_LSGAN)
"""Least squares GAN (1611.04076, eq. 9) on DCGAN's networks."""

wgan = partial(dcgan, recipe=_WGAN)
"""Wasserstein GAN with clipped weights (1701.07875, algorithm 1) on DCGAN's networks.

All of the critic's parameters lie in [-0.01, 0.01] after each update, the gains of its
batch norm included, as in the authors' code.
"""

geometric_gan = partial(dcgan, recipe=_HINGE)
"""Geometric GAN (1705.02894): hinge losses on DCGAN's networks."""

f_gan = partial(dcgan, recipe=_PEARSON)
"""f-GAN (1606.00709) on DCGAN's networks: Pearson's divergence, and any other with a recipe
whose loss is `losses.f_divergence(name)`.
"""

rsgan = partial(dcgan, recipe=_PAIRED)
"""Relativistic GAN (1807.00734, section 4): real and generated logits in pairs."""

rasgan = partial(dcgan, recipe=_AVERAGE)
"""Relativistic average GAN (1807.00734): each logit against the mean of the other side."""

cgan = partial(dcgan, conditioning=INPUT)
"""Conditional GAN (1411.1784) on DCGAN's networks: labels beside both inputs."""

hidden_cgan = partial(dcgan, conditioning=HIDDEN)
"""Labels beside the discriminator's last feature map (1605.05396)."""

acgan = partial(dcgan, conditioning=AUXILIARY, recipe=_ACGAN)
"""GAN with an auxiliary classifier (1610.09585, eq. 2 and 3) on DCGAN's networks."""

tac_gan = partial(dcgan, conditioning=TWIN, recipe=_TAC)
"""Twin auxiliary classifiers (1907.02690) beside the hinge loss, on DCGAN's networks."""

adc_gan = partial(dcgan, conditioning=BY_ORIGIN, recipe=_ADC)
"""Auxiliary discriminative classifier (2107.10060) beside the hinge loss, on DCGAN's
networks.
"""

contra_gan = partial(dcgan, conditioning=PROXIES, recipe=_CONTRA)
"""ContraGAN (2006.12681): conditional contrastive loss beside the hinge loss, on DCGAN's
networks.
"""

reac_gan = partial(dcgan, conditioning=PROXIES, recipe=_REAC)
"""ReACGAN (2111.01118): data-to-data cross entropy, weight 0.5, beside the hinge loss, on
DCGAN's networks.
"""

mh_gan = partial(dcgan, conditioning=ONLY_CLASSES, recipe=_MH)
"""Multi-hinge GAN (1912.04216) on DCGAN's networks: its discriminator is a classifier with
a class for generated examples; the generator matches features, with a twentieth of the
multi-hinge loss beside it.
"""
