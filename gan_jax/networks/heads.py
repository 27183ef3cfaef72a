"""Heads: what a discriminator makes of its last features and the labels.

A head is a value that any discriminator of the library takes. Without classes each is one
linear logit. Those with more than logits return `Outputs`, whose features are the ones the
head saw.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.losses import CodeHeads, Embedded, TwinHeads
from gan_jax.networks.labels import check_labels
from gan_jax.nn.initializers import Initializer, normal
from gan_jax.nn.layers import Dense, Embed
from gan_jax.types import Array, Outputs

Head = Callable[[Array, Array | None, int | None, Initializer], Array | Outputs]
"""`(features (B, F), labels (B,) or None, num_classes, kernel_init) -> logits (B,)` or
`Outputs`, float32. Called inside a compact module, which owns what it creates."""


def linear(
    h: Array, y: Array | None, num_classes: int | None, kernel_init: Initializer
) -> Array:
    """One linear logit; labels, if any, have entered before."""
    del y, num_classes
    return Dense(1, kernel_init=kernel_init, name="logit")(h)[:, 0]


def flat(
    h: Array, y: Array | None, num_classes: int | None, kernel_init: Initializer
) -> Array:
    """The features (B, F) as they are, for networks that go on from there."""
    del y, num_classes, kernel_init
    return h


def projection(
    h: Array, y: Array | None, num_classes: int | None, kernel_init: Initializer
) -> Array:
    """Logits `linear(h) + embed(y) . h` (1802.05637, eq. 8)."""
    logits = linear(h, y, num_classes, kernel_init)
    if num_classes is None:
        return logits
    # Products of unit order, so that labels and features start on equal terms.
    scaled = normal(1.0 / math.sqrt(h.shape[-1]))
    embed = Embed(num_classes, h.shape[-1], scaled, name="embed")
    return logits + (embed(check_labels(y, num_classes)) * h).sum(axis=-1)


def auxiliary(*, per_class: int = 1) -> Head:
    """A linear logit, and a linear classifier beside it (ACGAN, 1610.09585).

    Args:
        per_class: logits of each class: 1, or 2 for a classifier that also tells real from
            generated (ADC-GAN, 2107.10060).

    Returns:
        A head with `classes` (B, num_classes * per_class).
    """

    def head(
        h: Array, y: Array | None, num_classes: int | None, kernel_init: Initializer
    ) -> Array | Outputs:
        logits = linear(h, y, num_classes, kernel_init)
        if num_classes is None:
            return logits
        return Outputs(logits, h, _classes(h, num_classes * per_class, kernel_init))

    return head


def twin_auxiliary(
    h: Array, y: Array | None, num_classes: int | None, kernel_init: Initializer
) -> Array | Outputs:
    """A linear logit and two linear classifiers, `classes` being `TwinHeads` (TAC-GAN,
    1907.02690, eq. 4).
    """
    logits = linear(h, y, num_classes, kernel_init)
    if num_classes is None:
        return logits
    own = _classes(h, num_classes, kernel_init)
    twin = Dense(num_classes, kernel_init=kernel_init, name="twin_classes")(h)
    return Outputs(logits, h, TwinHeads(own, twin))


def class_logits(*, fake_class: bool = False) -> Head:
    """A classifier that is the discriminator, as in semi-supervised learning (1606.03498,
    section 5) and multi-hinge GANs (1912.04216).

    With one logit l_k per class and l_f of the class "generated", p(real) is the sigmoid of
    `logsumexp_k(l_k) - l_f`, which is the logit.

    Args:
        fake_class: whether l_f is an output, the last of `classes`
            (B, num_classes + 1); otherwise it is 0, which loses nothing to a softmax, and
            `classes` is (B, num_classes).
    """

    def head(
        h: Array, y: Array | None, num_classes: int | None, kernel_init: Initializer
    ) -> Array | Outputs:
        if num_classes is None:
            return linear(h, y, num_classes, kernel_init)
        classes = _classes(h, num_classes + int(fake_class), kernel_init)
        logits = jax.nn.logsumexp(classes[:, :num_classes], axis=-1)
        if fake_class:
            logits = logits - classes[:, num_classes]
        return Outputs(logits, h, classes)

    return head


def proxies(features: int = 512, *, normalised: bool = True) -> Head:
    """A linear logit, a linear embedding of the example and a learned proxy of its label,
    for losses that compare them: 2C (ContraGAN, 2006.12681) and D2D-CE (ReACGAN,
    2111.01118).

    Args:
        features: length of embeddings and proxies.
        normalised: whether both are scaled to length 1.

    Returns:
        A head whose `classes` are `losses.Embedded`.
    """

    def head(
        h: Array, y: Array | None, num_classes: int | None, kernel_init: Initializer
    ) -> Array | Outputs:
        logits = linear(h, y, num_classes, kernel_init)
        if num_classes is None:
            return logits
        labels = check_labels(y, num_classes)
        pair = Embedded(
            Dense(features, kernel_init=kernel_init, name="embedding")(h),
            Embed(num_classes, features, name="proxies")(labels),
        )
        return Outputs(logits, h, Embedded(*map(_unit, pair)) if normalised else pair)

    return head


def codes(categories: tuple[int, ...], continuous: int = 0, *, hidden: int = 128) -> Head:
    """A linear logit, and beside it InfoGAN's Q(c | x), which shares the network below
    (1606.03657, appendix C.1).

    Args:
        categories: values of each categorical code.
        continuous: number of continuous codes.
        hidden: units of Q's own hidden layer, 128 in the paper.

    Returns:
        A head whose `classes` are `losses.CodeHeads`.
    """

    def head(
        h: Array, y: Array | None, num_classes: int | None, kernel_init: Initializer
    ) -> Outputs:
        logits = linear(h, y, num_classes, kernel_init)
        own = Dense(hidden, kernel_init=kernel_init, name="codes_hidden")(h)
        own = jax.nn.leaky_relu(own, 0.2)
        found = [
            Dense(values, kernel_init=kernel_init, name=f"code_{index}")(own)
            for index, values in enumerate(categories)
        ]
        mean = None
        if continuous:
            mean = Dense(continuous, kernel_init=kernel_init, name="continuous")(own)
        return Outputs(logits, h, CodeHeads(tuple(found), mean))

    return head


def featured(head: Head) -> Head:
    """`head` with the features it sees always in `Outputs`, as feature matching needs."""

    def with_features(
        h: Array, y: Array | None, num_classes: int | None, kernel_init: Initializer
    ) -> Outputs:
        outputs = head(h, y, num_classes, kernel_init)
        if isinstance(outputs, Outputs):
            return outputs._replace(features=h)
        return Outputs(outputs, h)

    return with_features


def _classes(h: Array, outputs: int, kernel_init: Initializer) -> Array:
    return Dense(outputs, kernel_init=kernel_init, name="classes")(h)


def _unit(x: Array) -> Array:
    """Rows (B, E) of length 1; rows of zeros stay, with a finite gradient."""
    square = jnp.square(x).sum(axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(square, 1e-24))
