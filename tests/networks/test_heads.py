"""Heads against products written out."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from gan_jax.networks.heads import (
    auxiliary,
    class_logits,
    featured,
    linear,
    projection,
    proxies,
    twin_auxiliary,
)
from gan_jax.networks.mlp import MLPDiscriminator
from gan_jax.nn.initializers import glorot_uniform
from gan_jax.types import Outputs

KEY = jax.random.key(0)
H = jax.random.normal(KEY, (5, 4))
Y = jnp.array([2, 0, 1, 2, 0])
WIDE = np.asarray(H, np.float64)


class Headed(linen.Module):
    head: Callable
    num_classes: int | None = 3

    @linen.compact
    def __call__(self, h, y=None):
        return self.head(h, y, self.num_classes, glorot_uniform())


def outputs(head, y=None):
    """Outputs, and parameters as float64, with biases that are not 0."""
    net = Headed(head)
    params = jax.tree.map(lambda p: p + 0.3, net.init(KEY, H, y)["params"])
    wide = jax.tree.map(lambda p: np.asarray(p, np.float64), params)
    return net.apply({"params": params}, H, y), wide


def dense(params):
    return WIDE @ params["kernel"] + params["bias"]


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=1e-6)


def test_projection_adds_the_product_with_the_label():
    logits, params = outputs(projection, Y)
    label = params["embed"]["embedding"][np.asarray(Y)]
    close(logits, dense(params["logit"])[:, 0] + (label * WIDE).sum(1))


def test_linear_ignores_labels():
    logits, params = outputs(linear, Y)
    assert set(params) == {"logit"}
    close(logits, dense(params["logit"])[:, 0])


@pytest.mark.parametrize("per_class", [1, 2])
def test_auxiliary_classifies_beside_the_logit_without_labels(per_class):
    out, params = outputs(auxiliary(per_class=per_class))
    close(out.logits, dense(params["logit"])[:, 0])
    assert out.classes.shape == (5, 3 * per_class)
    close(out.classes, dense(params["classes"]))
    np.testing.assert_array_equal(out.features, H)


def test_twin_auxiliary_has_two_classifiers():
    out, params = outputs(twin_auxiliary)
    close(out.classes.classes, dense(params["classes"]))
    close(out.classes.twin, dense(params["twin_classes"]))
    assert float(jnp.abs(out.classes.classes - out.classes.twin).min()) > 1e-3


def test_class_logits_without_a_fake_class_sum_the_classes():
    out, params = outputs(class_logits())
    classes = dense(params["classes"])
    close(out.classes, classes)
    close(out.logits, np.log(np.exp(classes).sum(1)))


def test_class_logits_with_a_fake_class_give_the_odds_of_being_real():
    out, params = outputs(class_logits(fake_class=True))
    classes = dense(params["classes"])
    assert classes.shape == (5, 4)
    close(out.classes, classes)
    softmax = np.exp(classes) / np.exp(classes).sum(1, keepdims=True)
    close(jax.nn.sigmoid(out.logits), 1.0 - softmax[:, 3])


@pytest.mark.parametrize("normalised", [True, False])
def test_proxies_are_embeddings_of_example_and_label(normalised):
    out, params = outputs(proxies(6, normalised=normalised), Y)
    pair = dense(params["embedding"]), params["proxies"]["embedding"][np.asarray(Y)]
    if normalised:
        pair = tuple(p / np.linalg.norm(p, axis=1, keepdims=True) for p in pair)
    close(out.classes.embeddings, pair[0])
    close(out.classes.proxies, pair[1])
    close(out.logits, dense(params["logit"])[:, 0])


def test_an_embedding_of_zeros_has_a_finite_gradient():
    net = Headed(proxies(6))
    variables = net.init(KEY, H, Y)

    def total(h):
        return net.apply(variables, h, Y).classes.embeddings.sum()

    assert bool(jnp.isfinite(jax.grad(total)(jnp.zeros_like(H))).all())


def test_featured_adds_the_features_to_logits():
    out, params = outputs(featured(projection), Y)
    plain = Headed(projection).apply(
        {"params": jax.tree.map(lambda p: jnp.asarray(p, jnp.float32), params)}, H, Y
    )
    assert isinstance(out, Outputs)
    assert out.classes is None
    np.testing.assert_array_equal(out.features, H)
    np.testing.assert_array_equal(out.logits, plain)


HEADS = [
    linear,
    projection,
    auxiliary(),
    twin_auxiliary,
    class_logits(fake_class=True),
    proxies(),
]


@pytest.mark.parametrize("head", HEADS)
def test_without_classes_every_head_is_one_linear_logit(head):
    net = Headed(head, num_classes=None)
    variables = net.init(KEY, H)
    assert jax.tree.map(jnp.shape, variables) == {
        "params": {"logit": {"kernel": (4, 1), "bias": (1,)}}
    }
    close(
        net.apply(variables, H, Y),
        WIDE @ np.asarray(variables["params"]["logit"]["kernel"])[:, 0],
    )


@pytest.mark.parametrize("head", [projection, proxies()])
def test_heads_that_compare_with_labels_ask_for_them(head):
    with pytest.raises(ValueError, match="conditional on 3 classes: pass labels y"):
        Headed(head).init(KEY, H)


def test_a_discriminator_returns_what_its_head_gives():
    net = MLPDiscriminator((4,), num_classes=3, head=auxiliary())
    x = jax.random.normal(KEY, (5, 2))
    out, variables = net.init_with_output(KEY, x)
    params = variables["params"]
    h = np.asarray(x) @ np.asarray(params["Dense_0"]["kernel"])
    h = np.where(h > 0, h, 0.2 * h)
    close(out.features, h)
    close(out.classes, h @ np.asarray(params["classes"]["kernel"]))
