"""Class losses: what a discriminator with class heads adds to an adversarial loss.

Each is a `ClassLoss`, whose two functions take what the heads returned and the classes that
were asked for. Heads are pytrees with a leading batch axis; labels are int (batch,).
Weights (the papers' lambda) are left to the caller.

`two_c` and `d2d_ce` compare the examples of a batch with each other. Under a mapped batch
axis (`tracing.batch_axis`) they gather the embeddings of all shards, so the batch is always
the global one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax import tracing
from gan_jax.losses.arithmetic import cross_entropy, f32
from gan_jax.numerics import mean32
from gan_jax.types import Array, PyTree, Scalar


class ClassLoss(NamedTuple):
    """A pair of losses over class heads, added to those of an adversarial loss.

    Attributes:
        discriminator: `(real_heads, fake_heads, real_labels, fake_labels) -> scalar`,
            minimised by D.
        generator: `(fake_heads, fake_labels) -> scalar`, minimised by G.
        takes: `(heads, classes) -> whether` the loss is one of such heads, of which only
            structure and shapes are looked at.
    """

    discriminator: Callable[[PyTree, PyTree, Array, Array], Scalar]
    generator: Callable[[PyTree, Array], Scalar]
    takes: Callable[[PyTree, int], bool]


class TwinHeads(NamedTuple):
    """Heads of TAC-GAN.

    Attributes:
        classes: class logits of the classifier, trained on real examples, (batch, classes).
        twin: class logits of its twin, trained on generated ones, (batch, classes).
    """

    classes: Array
    twin: Array


class Embedded(NamedTuple):
    """Heads of ContraGAN and ReACGAN. Neither need be normalised: only angles count.

    Attributes:
        embeddings: of the examples, (batch, width).
        proxies: the learned proxy of each example's own class, (batch, width): the rows
            `labels` of a table (classes, width).
    """

    embeddings: Array
    proxies: Array


def _columns(per_class: int, further: int = 0) -> Callable[[PyTree, int], bool]:
    """Whether heads are so many logits for each class, and so many more."""

    def takes(heads: PyTree, classes: int) -> bool:
        shape = getattr(heads, "shape", None)
        return shape is not None and shape[1:] == (per_class * classes + further,)

    return takes


def _nll(logits: Array, labels: Array) -> Scalar:
    return mean32(cross_entropy(logits, labels))


def acgan(*, on_fakes: bool = True) -> ClassLoss:
    """Auxiliary classifier, Odena et al. 2016 (arXiv 1610.09585, equation 3).

    Heads: class logits (batch, classes).
    Discriminator: E[-log C(y|x)] + E[-log C(y|G(z, y))]. Generator: E[-log C(y|G(z, y))].

    Args:
        on_fakes: whether the discriminator's classifier is also trained on generated
            examples, as in the paper. Later work trains it on real examples only.
    """

    def discriminator(real: Array, fake: Array, real_y: Array, fake_y: Array) -> Scalar:
        loss = _nll(real, real_y)
        return loss + _nll(fake, fake_y) if on_fakes else loss

    return ClassLoss(discriminator, _nll, _columns(1))


def tac() -> ClassLoss:
    """Twin auxiliary classifiers, Gong et al. 2019 (arXiv 1907.02690).

    Heads: `TwinHeads`.
    Discriminator: E[-log C(y|x)] + E[-log C'(y|G(z, y))], as in the authors' code, where C
    learns from real examples only.
    Generator: E[-log C(y|G(z, y))] - E[-log C'(y|G(z, y))]. The twin C' is an adversary:
    what it can tell about y from G(z, y), G is to undo, which stops G from producing only
    what is easily classified.
    """

    def discriminator(
        real: TwinHeads, fake: TwinHeads, real_y: Array, fake_y: Array
    ) -> Scalar:
        return _nll(real.classes, real_y) + _nll(fake.twin, fake_y)

    def generator(fake: TwinHeads, fake_y: Array) -> Scalar:
        return _nll(fake.classes, fake_y) - _nll(fake.twin, fake_y)

    def takes(heads: PyTree, classes: int) -> bool:
        del classes
        return isinstance(heads, TwinHeads)

    return ClassLoss(discriminator, generator, takes)


def adc() -> ClassLoss:
    """Auxiliary discriminative classifier, Hou et al. 2021 (arXiv 2107.10060).

    Heads: logits (batch, 2 * classes) that name class and origin: column 2 y for "class y
    and real", 2 y + 1 for "class y and generated".
    Discriminator: E[-log C(y, real|x)] + E[-log C(y, fake|G(z, y))].
    Generator: E[-log C(y, real|G(z, y))] - E[-log C(y, fake|G(z, y))].
    """

    def discriminator(real: Array, fake: Array, real_y: Array, fake_y: Array) -> Scalar:
        return _nll(real, 2 * real_y) + _nll(fake, 2 * fake_y + 1)

    def generator(fake: Array, fake_y: Array) -> Scalar:
        return _nll(fake, 2 * fake_y) - _nll(fake, 2 * fake_y + 1)

    return ClassLoss(discriminator, generator, _columns(2))


def multi_hinge() -> ClassLoss:
    """Multi-hinge loss, Kavalerov et al. 2019 (arXiv 1912.04216).

    Takes the place of the adversarial loss. Heads: logits (batch, classes + 1), the last
    column for "generated". With the hinge of Crammer and Singer,
    H(y, x) = E[relu(1 + max_{k != y} D_k(x) - D_y(x))]:
    Discriminator: H(y, x) + H(classes, G(z, y)). Generator: H(y, G(z, y)), with a small
    weight beside feature matching.
    """

    def discriminator(real: Array, fake: Array, real_y: Array, fake_y: Array) -> Scalar:
        generated = jnp.full_like(fake_y, fake.shape[-1] - 1)
        return _crammer_singer(real, real_y) + _crammer_singer(fake, generated)

    return ClassLoss(discriminator, _crammer_singer, _columns(1, further=1))


def _crammer_singer(logits: Array, labels: Array) -> Scalar:
    logits = f32(logits)
    own = jax.nn.one_hot(labels, logits.shape[-1], dtype=jnp.bool_)
    best_wrong = jnp.max(jnp.where(own, -jnp.inf, logits), axis=-1)
    right = jnp.sum(jnp.where(own, logits, 0.0), axis=-1)
    return mean32(jax.nn.relu(1.0 + best_wrong - right))


def two_c(*, temperature: float = 1.0) -> ClassLoss:
    """Conditional contrastive loss of ContraGAN, Kang and Park 2020 (arXiv 2006.12681).

    Heads: `Embedded`, with e_i and p_i of length 1. The mean over i of
    -log[(exp(e_i.p_i / t) + sum_{k != i, y_k = y_i} exp(e_i.e_k / t))
         / (exp(e_i.p_i / t) + sum_{k != i} exp(e_i.e_k / t))].
    Discriminator: of the real examples. Generator: of the generated ones.

    Args:
        temperature: t above, positive.
    """
    return _of_embeddings(_contrastive, temperature)


def d2d_ce(*, temperature: float = 0.5, margin: float = 0.98) -> ClassLoss:
    """Data-to-data cross entropy of ReACGAN, Kang et al. 2021 (arXiv 2111.01118).

    Heads: `Embedded`, with e_i and p_i of length 1. The mean over i of
    -log[a_i / (a_i + sum_{y_k != y_i} exp(relu(e_i.e_k - (1 - m)) / t))],
    a_i = exp(-relu(m - e_i.p_i) / t): neither an example near its proxy nor a distant
    example of another class is pushed further. Discriminator: of the real examples.
    Generator: of the generated ones.

    The published code lowers the exponents of the sum by each row's largest similarity
    and not that of a_i; here both are as in the paper.

    Args:
        temperature: t above, positive.
        margin: m above, the cosine beyond which an example is near its proxy; 1 - m is the
            one below which two examples are distant.
    """

    def rows(to_proxy: Array, pairs: Array, same: Array, apart: Array, t: float) -> Array:
        del apart
        near = -jax.nn.relu(margin - to_proxy) / t
        far = jax.nn.relu(pairs - (1.0 - margin)) / t
        return _log_sum_with(near, far, ~same) - near

    return _of_embeddings(rows, temperature)


def _contrastive(
    to_proxy: Array, pairs: Array, same: Array, apart: Array, t: float
) -> Array:
    own = to_proxy / t
    return _log_sum_with(own, pairs / t, apart) - _log_sum_with(
        own, pairs / t, same & apart
    )


def _of_embeddings(
    rows: Callable[[Array, Array, Array, Array, float], Array], temperature: float
) -> ClassLoss:
    """A loss of cosines, on the real examples for D and on the generated ones for G.

    `rows(to_proxy (n,), pairs (n, n), same (n, n), apart (n, n), t) -> (n,)`: `same` marks
    pairs of one class, an example with itself included, `apart` pairs of two examples.
    """
    if temperature <= 0.0:
        raise ValueError(f"temperature must be positive, got {temperature}")

    def loss(heads: Embedded, labels: Array) -> Scalar:
        embeddings = _unit(tracing.gather(heads.embeddings))
        proxies = _unit(tracing.gather(heads.proxies))
        labels = tracing.gather(labels)
        pairs = jnp.matmul(embeddings, embeddings.T, precision="highest")
        same = labels[:, None] == labels[None]
        apart = ~jnp.eye(len(labels), dtype=jnp.bool_)
        to_proxy = jnp.sum(embeddings * proxies, axis=1)
        return mean32(rows(to_proxy, pairs, same, apart, temperature))

    def discriminator(
        real: Embedded, fake: Embedded, real_y: Array, fake_y: Array
    ) -> Scalar:
        del fake, fake_y
        return loss(real, real_y)

    def takes(heads: PyTree, classes: int) -> bool:
        del classes
        return isinstance(heads, Embedded)

    return ClassLoss(discriminator, loss, takes)


def _unit(x: Array) -> Array:
    """Rows of length 1, float32; a row of zeros stays, with derivative 0."""
    x = f32(x)
    square = jnp.sum(jnp.square(x), axis=1, keepdims=True)
    positive = square > 0.0
    return x * jnp.where(positive, jax.lax.rsqrt(jnp.where(positive, square, 1.0)), 0.0)


def _log_sum_with(first: Array, exponents: Array, where: Array) -> Array:
    """log(exp(first) + sum of exp(exponents) where marked), per row: (n,)."""
    kept = jnp.where(where, exponents, -jnp.inf)
    return jax.nn.logsumexp(jnp.concatenate([first[:, None], kept], axis=1), axis=1)
