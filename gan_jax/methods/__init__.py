"""Methods: builders of games, by name in `METHODS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gan_jax import lazy
from gan_jax.game import Game

if TYPE_CHECKING:
    from gan_jax.methods.bigan import ali, bigan
    from gan_jax.methods.bigbigan import bigbigan
    from gan_jax.methods.biggan import biggan, biggan_deep
    from gan_jax.methods.cogan import cogan
    from gan_jax.methods.cyclegan import cyclegan
    from gan_jax.methods.dcgan import (
        acgan,
        adc_gan,
        cgan,
        contra_gan,
        dcgan,
        f_gan,
        geometric_gan,
        hidden_cgan,
        improved_gan,
        lsgan,
        mh_gan,
        rasgan,
        reac_gan,
        rsgan,
        tac_gan,
        wgan,
    )
    from gan_jax.methods.discogan import discogan
    from gan_jax.methods.gan import gan, ns_gan, unrolled_gan
    from gan_jax.methods.gmmn import gmmn, gmmn_ae
    from gan_jax.methods.gumbel_gan import gumbel_gan
    from gan_jax.methods.infogan import infogan
    from gan_jax.methods.pix2pix import pix2pix
    from gan_jax.methods.progan import progan
    from gan_jax.methods.r3gan import r3gan
    from gan_jax.methods.recipe import Augmentation, Recipe
    from gan_jax.methods.resnet import projection_cgan, sagan, sngan, wgan_gp
    from gan_jax.methods.semi_supervised import semi_supervised_gan
    from gan_jax.methods.seqgan import seqgan
    from gan_jax.methods.srgan import srgan
    from gan_jax.methods.stargan import stargan
    from gan_jax.methods.stylegan import stylegan
    from gan_jax.methods.stylegan2 import stylegan2
    from gan_jax.methods.terms import Remembering, Round, Term, Weighted
    from gan_jax.methods.two_player import from_recipe, two_player
    from gan_jax.methods.vaegan import vaegan

METHODS: Mapping[str, Callable[..., Game]] = lazy.Table(
    __name__,
    (
        "gan",
        "ns_gan",
        "dcgan",
        "lsgan",
        "f_gan",
        "rsgan",
        "rasgan",
        "geometric_gan",
        "wgan",
        "wgan_gp",
        "sngan",
        "projection_cgan",
        "sagan",
        "biggan",
        "biggan_deep",
        "progan",
        "stylegan",
        "stylegan2",
        "r3gan",
        "unrolled_gan",
        "cgan",
        "hidden_cgan",
        "acgan",
        "tac_gan",
        "adc_gan",
        "contra_gan",
        "reac_gan",
        "mh_gan",
        "improved_gan",
        "semi_supervised_gan",
        "infogan",
        "gmmn",
        "gmmn_ae",
        "bigan",
        "ali",
        "bigbigan",
        "vaegan",
        "pix2pix",
        "cyclegan",
        "discogan",
        "cogan",
        "stargan",
        "seqgan",
        "gumbel_gan",
        "srgan",
    ),
)
"""Every builder is called `(*, image_shape, num_classes=None, recipe=..., **sizes)`."""

GROWING = frozenset({"progan", "stylegan"})
"""Those with options `stage` and `fade`, which are played by `growing.timetable`."""

ENCODING = frozenset({"bigan", "ali", "bigbigan", "vaegan"})
"""Those with a net "encoder" that finds latents of examples."""

UNPAIRED = frozenset({"cyclegan", "discogan", "cogan"})
"""Those of two domains without pairs, whose batches have the other one as "second"."""

TEXT = frozenset({"seqgan", "gumbel_gan"})
"""Those that make texts."""

__all__ = [
    "ENCODING",
    "GROWING",
    "METHODS",
    "TEXT",
    "UNPAIRED",
    "Augmentation",
    "Recipe",
    "Remembering",
    "Round",
    "Term",
    "Weighted",
    "acgan",
    "adc_gan",
    "ali",
    "bigan",
    "bigbigan",
    "biggan",
    "biggan_deep",
    "cgan",
    "cogan",
    "contra_gan",
    "cyclegan",
    "dcgan",
    "discogan",
    "f_gan",
    "from_recipe",
    "gan",
    "geometric_gan",
    "gmmn",
    "gmmn_ae",
    "gumbel_gan",
    "hidden_cgan",
    "improved_gan",
    "infogan",
    "lsgan",
    "mh_gan",
    "ns_gan",
    "pix2pix",
    "progan",
    "projection_cgan",
    "r3gan",
    "rasgan",
    "reac_gan",
    "rsgan",
    "sagan",
    "semi_supervised_gan",
    "seqgan",
    "sngan",
    "srgan",
    "stargan",
    "stylegan",
    "stylegan2",
    "tac_gan",
    "two_player",
    "unrolled_gan",
    "vaegan",
    "wgan",
    "wgan_gp",
]

lazy.defer(__name__)
