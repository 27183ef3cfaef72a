"""Ways in which labels enter both networks of a game, as values."""

from __future__ import annotations

from typing import NamedTuple

from gan_jax.networks.heads import (
    Head,
    auxiliary,
    class_logits,
    linear,
    projection,
    proxies,
    twin_auxiliary,
)
from gan_jax.networks.labels import (
    BY_CLASS,
    Join,
    Modulation,
    concatenation,
    hidden_concatenation,
)
from gan_jax.nn.initializers import normal


class Conditioning(NamedTuple):
    """Where labels enter; without classes nothing of it is built but the head.

    Attributes:
        g_input: how they join the generator's latents.
        g_hidden: how they join its first feature map, or last hidden layer.
        g_modulation: what its normalisations are conditioned on.
        d_input: how they join the discriminator's input.
        d_hidden: how they join its last feature map, or hidden layer.
        head: what the discriminator makes of its last features and the labels.
    """

    g_input: Join | None = None
    g_hidden: Join | None = None
    g_modulation: Modulation | None = None
    d_input: Join | None = None
    d_hidden: Join | None = None
    head: Head = projection


BY_NORM = Conditioning(g_modulation=BY_CLASS)
"""Class-conditional batch norm and a projection (1610.07629, 1802.05637)."""

EMBEDDED = Conditioning(g_input=concatenation(32))
"""A learned vector beside the latent, and a projection."""

INPUT = Conditioning(g_input=concatenation(), d_input=concatenation(), head=linear)
"""One-hot labels beside both networks' inputs (CGAN, 1411.1784)."""

HIDDEN = Conditioning(
    g_input=concatenation(128, embedding_init=normal(0.02)),
    d_hidden=hidden_concatenation(kernel_init=normal(0.02)),
    head=linear,
)
"""A learned vector beside the latent and, tiled, beside the discriminator's last feature
map (Reed et al. 2016, 1605.05396). The first begins as DCGAN's weights do."""

AUXILIARY = Conditioning(g_input=concatenation(), head=auxiliary())
"""Labels beside the latent, and a classifier in the discriminator (ACGAN, 1610.09585)."""

TWIN = Conditioning(g_modulation=BY_CLASS, head=twin_auxiliary)
"""Class-conditional batch norm, and two classifiers (TAC-GAN, 1907.02690)."""

BY_ORIGIN = Conditioning(g_modulation=BY_CLASS, head=auxiliary(per_class=2))
"""Class-conditional batch norm, and a classifier that tells real from generated examples of
each class (ADC-GAN, 2107.10060)."""

PROXIES = Conditioning(g_modulation=BY_CLASS, head=proxies())
"""Class-conditional batch norm, and an embedding of examples beside learned proxies of
classes (ContraGAN, 2006.12681; ReACGAN, 2111.01118)."""

ONLY_CLASSES = Conditioning(g_modulation=BY_CLASS, head=class_logits(fake_class=True))
"""Class-conditional batch norm, and a classifier with a class for generated examples that
is the discriminator (multi-hinge, 1912.04216)."""
