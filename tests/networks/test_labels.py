"""Conditioning: joins written out, and every network with every way in."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from gan_jax import trees
from gan_jax.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.networks.heads import linear, projection
from gan_jax.networks.labels import (
    BY_CLASS,
    Join,
    by_embedding,
    by_latent,
    concatenation,
    hidden_concatenation,
    joined,
)
from gan_jax.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_jax.networks.resnet import (
    DiscriminatorPlan,
    GeneratorPlan,
    ResNetDiscriminator,
    ResNetGenerator,
)
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.norm import BatchNorm, InstanceNorm, LayerNorm
from gan_jax.transforms import kernels, spectral_norm

KEY = jax.random.key(0)
Y = jnp.array([2, 0, 1])
LABELS = jax.ShapeDtypeStruct((2,), jnp.int32)


class Joined(linen.Module):
    join: Join

    @linen.compact
    def __call__(self, h, y, norm=None):
        return joined(self.join, h, y, 3, norm, train=True)


def filled(abstract):
    """Draws in place of every leaf; seed 0."""
    draw = np.random.default_rng(0).uniform
    return jax.tree.map(lambda p: jnp.asarray(draw(-0.3, 0.6, p.shape), p.dtype), abstract)


@pytest.mark.parametrize("space", [(), (2, 3)])
def test_one_hot_labels_are_further_channels_everywhere(space):
    h = jax.random.normal(KEY, (3, *space, 2))
    out, variables = Joined(concatenation()).init_with_output(KEY, h, Y)
    one_hot = np.zeros((3, *space, 3))
    for row, label in enumerate(np.asarray(Y)):
        one_hot[row, ..., label] = 1.0
    assert variables == {}
    np.testing.assert_array_equal(out, np.concatenate([h, one_hot], axis=-1))


def test_a_label_outside_the_classes_is_marked():
    out = Joined(concatenation()).apply({}, jnp.ones((2, 1)), jnp.array([1, 3]))
    np.testing.assert_array_equal(out, [[1.0, 0.0, 1.0, 0.0], [1.0] + [np.nan] * 3])


@pytest.mark.parametrize("space", [(), (2, 3)])
def test_hidden_concatenation_mixes_the_tiled_embedding_into_the_channels(space):
    h = jax.random.normal(KEY, (3, *space, 2))
    net = Joined(hidden_concatenation(4))
    params = filled(jax.eval_shape(net.init, KEY, h, Y)["params"])
    normalised = partial(BatchNorm, affine=False)
    table = np.asarray(params["hidden_embed"]["embedding"], np.float64)
    label = table[np.asarray(Y)].reshape(3, *(1,) * len(space), 4)
    both = np.concatenate([h, np.broadcast_to(label, (3, *space, 4))], axis=-1)
    kernel = np.asarray(params["hidden_mix"]["kernel"]).reshape(6, 2)
    expected = both @ kernel + np.asarray(params["hidden_mix"]["bias"])
    out = net.apply({"params": params}, h, Y)
    np.testing.assert_allclose(
        out, np.where(expected > 0, expected, 0.2 * expected), rtol=1e-4, atol=1e-5
    )
    stats = jax.jit(net.init, static_argnums=3)(KEY, h, Y, normalised)["batch_stats"]
    out, _ = net.apply(
        {"params": params, "batch_stats": stats}, h, Y, normalised, mutable="batch_stats"
    )
    axes = tuple(range(expected.ndim - 1))
    expected = (expected - expected.mean(axes)) / np.sqrt(expected.var(axes) + 1e-5)
    np.testing.assert_allclose(
        out, np.where(expected > 0, expected, 0.2 * expected), rtol=1e-3, atol=1e-4
    )


def mlp_generator(**options):
    return MLPGenerator((12, 8), (8, 8, 1), **({"input_labels": None} | options))


def dcgan_generator(**options):
    return DCGANGenerator((8, 8, 1), 2, 4, **options)


def resnet_generator(**options):
    return ResNetGenerator(GeneratorPlan((4, 4, 2), (2,)), 1, **options)


GENERATORS = [mlp_generator, dcgan_generator, resnet_generator]
GENERATOR_ENTRIES = [
    {"input_labels": concatenation(), "modulation": None},
    {"hidden_labels": hidden_concatenation(4), "modulation": None},
    {"modulation": BY_CLASS, "norm": BatchNorm},
    {"modulation": by_embedding(4), "norm": BatchNorm},
    {"modulation": by_latent(4), "norm": LayerNorm},
]


def mlp_discriminator(**options):
    return MLPDiscriminator((4, 3), **options)


def dcgan_discriminator(**options):
    return DCGANDiscriminator(2, 4, **options)


def resnet_discriminator(**options):
    return ResNetDiscriminator(DiscriminatorPlan((2, 2), (True, False)), **options)


DISCRIMINATORS = [mlp_discriminator, dcgan_discriminator, resnet_discriminator]
DISCRIMINATOR_ENTRIES = [
    {"input_labels": concatenation(), "head": linear},
    {"input_labels": concatenation(4), "head": linear},
    {"hidden_labels": hidden_concatenation(4), "head": linear},
    {"head": projection},
]


def check_labels_reach_their_own_row(module, inputs):
    """Changing the label of row 0 moves row 0, and no other."""
    net = from_linen(module, inputs.shape[1:], LABELS)
    params, stats = jax.eval_shape(net.init, KEY)
    params, stats = filled(params), jax.tree.map(lambda s: jnp.ones(s.shape), stats)

    @jax.jit
    def apply(y):
        return net.apply(params, stats, inputs, y, train=False)[0]

    before, after = np.asarray(apply(Y)), np.asarray(apply(Y.at[0].set(1)))
    moved = np.abs(after - before).reshape(len(inputs), -1).max(axis=1)
    assert moved[0] > 1e-4
    np.testing.assert_array_equal(after[1:], before[1:])


@pytest.mark.parametrize("entry", range(len(GENERATOR_ENTRIES)))
@pytest.mark.parametrize("build", GENERATORS)
def test_labels_enter_every_generator_every_way(build, entry):
    module = build(num_classes=3, **GENERATOR_ENTRIES[entry])
    check_labels_reach_their_own_row(module, jax.random.normal(KEY, (3, 5)))


@pytest.mark.parametrize("entry", range(len(DISCRIMINATOR_ENTRIES)))
@pytest.mark.parametrize("build", DISCRIMINATORS)
def test_labels_enter_every_discriminator_every_way(build, entry):
    module = build(num_classes=3, **DISCRIMINATOR_ENTRIES[entry])
    check_labels_reach_their_own_row(module, jax.random.normal(KEY, (3, 8, 8, 1)))


def parameters(module, *shapes):
    params, _ = jax.eval_shape(from_linen(module, *shapes).init, KEY)
    return jax.tree.map(jnp.shape, params)


@pytest.mark.parametrize("entry", range(4))
@pytest.mark.parametrize("build", GENERATORS)
def test_without_classes_the_ways_in_of_generators_are_closed(build, entry):
    options = GENERATOR_ENTRIES[entry]
    plain = {"norm": options["norm"]} if "norm" in options else {}
    shapes = parameters(build(**options), (5,)), parameters(build(**plain), (5,))
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("entry", range(len(DISCRIMINATOR_ENTRIES)))
@pytest.mark.parametrize("build", DISCRIMINATORS)
def test_without_classes_the_ways_in_of_discriminators_are_closed(build, entry):
    module = build(**DISCRIMINATOR_ENTRIES[entry])
    assert parameters(module, (8, 8, 1)) == parameters(build(), (8, 8, 1))


@pytest.mark.parametrize("build", GENERATORS)
def test_labels_that_nothing_takes_are_refused(build):
    with pytest.raises(ValueError, match="nothing takes the labels"):
        build(num_classes=3, modulation=None).init(KEY, jnp.ones((2, 5)), Y[:2])


def test_modulation_needs_a_norm():
    with pytest.raises(ValueError, match="cannot modulate norm=None"):
        dcgan_generator(norm=None, modulation=by_latent()).init(KEY, jnp.ones((2, 5)))


def test_a_shared_embedding_feeds_every_norm_of_the_blocks():
    net = from_linen(
        resnet_generator(num_classes=3, modulation=by_embedding(4)), (5,), LABELS
    )
    params, _ = jax.eval_shape(net.init, KEY)
    leaves = trees.leaves_with_path(params)
    shapes = {
        path: leaf.shape for path, leaf in leaves if "gain" in path or "shared" in path
    }
    assert shapes == {
        "block_0/norm_0/gain/kernel": (4, 2),
        "block_0/norm_1/gain/kernel": (4, 2),
        "shared_embed/embedding": (3, 4),
    }


def test_spectral_norm_takes_the_maps_of_a_shared_embedding_and_not_the_table():
    net = from_linen(
        dcgan_generator(num_classes=3, modulation=by_embedding(4)), (5,), LABELS
    )
    params = filled(jax.eval_shape(net.init, KEY)[0])
    transform = spectral_norm(where=kernels)
    state = transform.init(params, KEY)
    assert {"norm_0/gain/kernel", "norm_0/bias/kernel"} < set(state)
    assert "shared_embed/embedding" not in state
    seen = transform.apply(params, state)["norm_0"]["gain"]["kernel"]
    assert float(jnp.linalg.norm(seen, 2)) == pytest.approx(1.0, rel=1e-3)


def test_self_modulation_sees_latent_and_label_together():
    net = mlp_generator(num_classes=3, norm=LayerNorm, modulation=by_latent(4))
    z = jax.random.normal(KEY, (3, 5))
    params = filled(jax.eval_shape(net.init, KEY, z, Y)["params"])
    style = np.asarray(z, np.float64)
    shift, scale = (
        np.asarray(params[f"style_{name}"]["embedding"])[np.asarray(Y)]
        for name in ("shift", "scale")
    )
    style = style + shift + style * scale
    h = np.asarray(z, np.float64)
    for index in range(2):
        h = h @ np.asarray(params[f"Dense_{index}"]["kernel"])
        h = (h - h.mean(1, keepdims=True)) / np.sqrt(h.var(1, keepdims=True) + 1e-5)
        norm = jax.tree.map(np.asarray, params[f"norm_{index}"])

        def mapped(name, norm=norm):
            hidden = (
                style @ norm[f"{name}_hidden"]["kernel"] + norm[f"{name}_hidden"]["bias"]
            )
            return np.maximum(hidden, 0.0) @ norm[name]["kernel"] + norm[name]["bias"]

        h = np.maximum(h * (1.0 + mapped("gain")) + mapped("bias"), 0.0)
    last = jax.tree.map(np.asarray, params["Dense_2"])
    expected = np.tanh(h @ last["kernel"] + last["bias"]).reshape(3, 8, 8, 1)
    out = jax.jit(net.apply)({"params": params}, z, Y)
    np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-4)


def test_adain_is_instance_norm_modulated_by_the_latent():
    net = dcgan_generator(norm=InstanceNorm, modulation=by_latent(None))
    params = parameters(net, (5,))
    assert params["norm_0"] == {
        "gain": {"kernel": (5, 2), "bias": (2,)},
        "bias": {"kernel": (5, 2), "bias": (2,)},
    }
