"""Generative moment matching networks (1502.02761): a generator and no discriminator."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses, prng
from gan_jax.game import Aux, Batch, Game, Phase, Player, View, Views
from gan_jax.losses import l2
from gan_jax.losses.moments import Kernel
from gan_jax.methods.families import latent_dim, no_labels
from gan_jax.methods.objectives import draw_latents
from gan_jax.methods.recipe import Recipe, check_used
from gan_jax.methods.sides import ENCODER, GENERATOR, images
from gan_jax.methods.two_player import sampler
from gan_jax.networks.encoders import Encoder
from gan_jax.networks.heads import flat
from gan_jax.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_jax.nn.adapter import from_linen
from gan_jax.priors import uniform
from gan_jax.types import Array, Key, Net, Params, PyTree, Scalar, Stats

_SQUARES = (2.0, 5.0, 10.0, 20.0, 40.0, 80.0)
_USED = ("prior", "g_tx", "g_transform", "g_ema")
_GMMN = Recipe(prior=uniform(10), g_tx=optax.adam(1e-3))
CODES, DECODER = "codes", "decoder"
STAGES = ("autoencoder", "moments")


def _kernel(squares: Sequence[float], scale: float) -> Kernel:
    return losses.gaussian_kernel(*(scale * math.sqrt(s) for s in squares))


def gmmn(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    features: tuple[int, ...] = (64, 256, 256, 1024),
    squared_bandwidths: tuple[float, ...] = _SQUARES,
    root: bool = True,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _GMMN,
) -> Game:
    """Generative moment matching network (1502.02761, algorithm 1) on a perceptron.

    One player, who makes the maximum mean discrepancy between a real and a generated batch
    smaller. Batches must be large (1000 in the paper); the discrepancy is of the global
    batch, and with micro-batches of each.

    Args:
        image_shape: (H, W, C), or (dim,) for points, whose generator has no tanh.
        num_classes: None.
        features: widths of the hidden layers; the paper's on digits.
        squared_bandwidths: s^2 of the kernel's Gaussians, for values in [0, 1] as in the
            authors' code; on images in [-1, 1] the s are twice as large.
        root: whether the loss is the square root, the paper's better one.
        dtype: compute type of the network.
        recipe: prior (10 uniform latents in the paper), optimizer `g_tx`, `g_transform` and
            `g_ema`; nothing else of it has a place here.
    """
    no_labels("gmmn", num_classes)
    check_used("gmmn", recipe, *_USED)
    points = len(image_shape) == 1
    out = None if points else jnp.tanh
    module = MLPGenerator(tuple(features), image_shape, out_activation=out, dtype=dtype)
    generator = from_linen(module, (latent_dim("gmmn", recipe.prior),))
    kernel = _kernel(squared_bandwidths, 1.0 if points else 2.0)
    discrepancy = losses.mmd(kernel, root=root)

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        z = draw_latents(recipe.prior, keys)
        fake, stats = views[GENERATOR].with_stats(z)
        loss = discrepancy(images(batch), fake)
        return {GENERATOR: loss}, Aux({GENERATOR: stats}, terms={"mmd": loss})

    player = Player((GENERATOR,), recipe.g_tx, recipe.g_transform, recipe.g_ema)
    return Game(
        nets={GENERATOR: generator},
        players={GENERATOR: player},
        phases=(Phase("moments", (GENERATOR,), objective),),
        sample=sampler(recipe.prior, None),
    )


def decoding(codes: Net, decoder: Net) -> Net:
    """A generator whose second half is an autoencoder's decoder.

    Args:
        codes: `(z) -> codes`.
        decoder: `(codes) -> examples`.

    Returns:
        `(z) -> examples`, with parameters `{"codes": ..., "decoder": ...}`.
    """
    halves = {CODES: codes, DECODER: decoder}

    def init(key: Key) -> tuple[Params, Stats]:
        made = {name: net.init(prng.fold_name(key, name)) for name, net in halves.items()}
        return (
            {name: one[0] for name, one in made.items()},
            {name: one[1] for name, one in made.items()},
        )

    def apply(params: Params, stats: Stats, z: Array, *, train: bool) -> tuple[Any, Stats]:
        new, h = {}, z
        for name, net in halves.items():
            h, new[name] = net.apply(params[name], stats[name], h, train=train)
        return h, new

    return Net(init, apply)


def half(view: View, name: str, net: Net) -> View:
    """One half of a generator made by `decoding`, as a view of its own."""
    return replace(
        view,
        net=net,
        params=view.params[name],
        raw=view.raw[name],
        stats=view.stats[name],
    )


def gmmn_ae(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    stage: str = "moments",
    code_dim: int = 32,
    ae_features: tuple[int, ...] = (1024,),
    features: tuple[int, ...] = (64, 256, 256, 1024),
    squared_bandwidths: tuple[float, ...] = (1.0,),
    root: bool = True,
    dropout: float = 0.2,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _GMMN,
) -> Game:
    """GMMN in the code space of an autoencoder (1502.02761, section 4), a program of two
    stages over one state: first the autoencoder, then the moments of its codes.

    Codes lie in [0, 1], behind a sigmoid. The autoencoder is trained as a whole; the paper
    begins layer by layer. Its decoder is the generator's second half, so that samples are
    images in every stage. Adam should begin anew with the moments (`"restart": True` in a
    config's stage), or the decoder goes on by its momentum.

    Args:
        image_shape: (H, W, C).
        num_classes: None.
        stage: "autoencoder" or "moments".
        code_dim: length of the codes.
        ae_features: widths of the encoder's hidden layers, and in reverse of the decoder's.
        features: widths of the layers from latents to codes.
        squared_bandwidths: s^2 of the kernel's Gaussians, of codes in [0, 1]; 1 in the
            authors' code on digits.
        root: whether the loss is the square root of the discrepancy.
        dropout: rate on the encoder's hidden layers in its stage, as in the paper.
        dtype: compute type of the networks.
        recipe: prior, `g_tx` (also of the decoder), `e_tx` of the encoder, `g_transform`
            and `g_ema`; nothing else of it has a place here.

    Raises:
        ValueError: there is no such stage.
    """
    no_labels("gmmn_ae", num_classes)
    check_used("gmmn_ae", recipe, *_USED, "e_tx")
    if stage not in STAGES:
        raise ValueError(f"stage must be one of {', '.join(STAGES)}, got {stage!r}")
    z_dim = latent_dim("gmmn_ae", recipe.prior)
    to_codes = MLPGenerator(
        tuple(features), (code_dim,), out_activation=jax.nn.sigmoid, dtype=dtype
    )
    to_images = MLPGenerator(tuple(ae_features)[::-1], image_shape, dtype=dtype)
    codes, decoder = from_linen(to_codes, (z_dim,)), from_linen(to_images, (code_dim,))
    trunk = partial(
        MLPDiscriminator,
        tuple(ae_features),
        activation=jax.nn.relu,
        dropout=dropout,
        head=flat,
        dtype=dtype,
    )
    encoder = Encoder(trunk, code_dim)
    return Game(
        nets={
            GENERATOR: decoding(codes, decoder),
            ENCODER: from_linen(encoder, image_shape, stochastic=True),
        },
        players={
            GENERATOR: Player((GENERATOR,), recipe.g_tx, recipe.g_transform, recipe.g_ema),
            ENCODER: Player((ENCODER,), recipe.e_tx or recipe.g_tx),
        },
        phases=(
            _autoencoding(decoder)
            if stage == "autoencoder"
            else _in_codes(
                recipe, codes, losses.mmd(_kernel(squared_bandwidths, 1.0), root=root)
            ),
        ),
        sample=sampler(recipe.prior, None),
    )


def _autoencoding(decoder: Net) -> Phase:
    """Encoder and decoder make the squared error of reconstructions smaller."""

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        real = images(batch)
        found = views[ENCODER](real, keys=prng.stream(keys, ENCODER))
        again = half(views[GENERATOR], DECODER, decoder)(jax.nn.sigmoid(found))
        loss = l2(real, again)
        return {ENCODER: loss, GENERATOR: loss}, Aux(terms={"reconstruction": loss})

    return Phase("autoencoder", (ENCODER, GENERATOR), objective)


def _in_codes(recipe: Recipe, codes: Net, discrepancy: Any) -> Phase:
    """The first half of the generator matches the codes of real examples."""

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        real = jax.nn.sigmoid(views[ENCODER](images(batch), train=False))
        z = draw_latents(recipe.prior, keys)
        fake = half(views[GENERATOR], CODES, codes)(z)
        loss = discrepancy(jax.lax.stop_gradient(real), fake)
        return {GENERATOR: loss}, Aux(terms={"mmd": loss})

    return Phase("moments", (GENERATOR,), objective)
