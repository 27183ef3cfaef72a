"""Weights of StyleGAN2-ADA: outputs, gradients and counts of the authors' PyTorch code."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.interop import read_state_dict, stylegan2_ada
from gan_jax.networks.stylegan2 import SynthesisNetwork
from gan_jax.networks.stylegan2_discriminator import StyleGAN2Discriminator
from gan_jax.networks.stylegan2_mapping import MappingNetwork, StyledGenerator

TOLERANCE = 2e-4
MAPPING, SYNTHESIS, DISCRIMINATOR = (
    "03_sg2_mapping_uncond",
    "03_sg2_synthesis_32_skip",
    "03_sg2_discriminator_32_resnet",
)
COUNTS = Path(__file__).parents[1] / "golden" / "03_sg2_param_counts.json"


def assert_close(ours, theirs):
    """Equal relative to the largest value; images of the reference are NCHW."""
    theirs = theirs.transpose(0, 2, 3, 1) if theirs.ndim == 4 else theirs
    assert ours.shape == theirs.shape
    error = np.abs(np.asarray(ours, np.float64) - theirs).max()
    assert error <= TOLERANCE * np.abs(theirs).max()


def test_mapping(golden):
    _, weights, kwargs, _ = known = golden(MAPPING)
    arrays = known.arrays
    found = stylegan2_ada.import_state_dict(weights, "mapping", **kwargs)
    apply, z = found.module.apply, arrays["in/z"]
    assert_close(apply(found.variables, z), arrays["out/ws"])
    assert_close(apply(found.variables, z, truncation=0.6), arrays["out/ws_psi0.6"])
    cut = apply(found.variables, z, truncation=0.6, layers=(0, 2))
    assert_close(cut, arrays["out/ws_psi0.6_cut2"])
    moved, after = apply(found.variables, z, train=True, mutable=["averages"])
    assert_close(moved, arrays["out/ws_train"])
    (mean,) = jax.tree.leaves(after)
    assert_close(mean, arrays["out/w_avg_after"])


@pytest.mark.parametrize("noise", ["const", "none"])
def test_synthesis(golden, noise):
    _, weights, kwargs, _ = known = golden(SYNTHESIS)
    arrays = known.arrays
    found = stylegan2_ada.import_state_dict(weights, "synthesis", **kwargs)
    images = jax.jit(lambda v, w: found.module.apply(v, w, noise=noise))
    assert_close(images(found.variables, arrays["in/ws"]), arrays[f"out/img_{noise}"])


def test_discriminator_with_first_and_second_derivatives(golden):
    _, weights, kwargs, _ = known = golden(DISCRIMINATOR)
    arrays = known.arrays
    found = stylegan2_ada.import_state_dict(weights, "discriminator", **kwargs)
    images = jnp.asarray(arrays["in/img"].transpose(0, 2, 3, 1))

    def logits(params, x):
        return found.module.apply({**found.variables, "params": params}, x)

    def penalty(params):
        slopes = jax.grad(lambda x: logits(params, x).sum())(images)
        squares = jnp.square(slopes).sum(axis=(1, 2, 3))
        return (5.0 * squares).mean(), (slopes, squares)

    assert_close(logits(found.params, images), arrays["out/logits"][:, 0])
    taken = jax.jit(jax.value_and_grad(penalty, has_aux=True))
    (loss, (slopes, squares)), grads = taken(found.params)
    assert_close(slopes, arrays["out/grad_img"])
    assert_close(squares, arrays["out/r1_penalty_per_sample"])
    assert_close(loss, arrays["out/r1_loss"])
    ours = [float(jnp.linalg.norm(leaf)) for leaf in jax.tree.leaves(grads)]
    theirs = arrays["out/pgrad_norms"]
    # Equal as a set: names differ; norms that are zero in theory are rounding.
    np.testing.assert_allclose(
        np.sort(ours), np.sort(theirs), rtol=1e-3, atol=TOLERANCE * theirs.max()
    )


GENERATORS = ("03_sg2_generator_16_resnet_classes", "03_sg2_generator_8_orig_rgba")


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_of_other_architectures(golden, name):
    """With classes, other filters, clamps, activations, channels and truncation."""
    _, weights, kwargs, _ = known = golden(name)
    arrays = known.arrays
    found = stylegan2_ada.import_state_dict(weights, "generator", **kwargs)
    z, c = arrays["in/z"], arrays.get("in/c")
    y = None if c is None else c.argmax(axis=1)
    apply = jax.jit(found.module.apply, static_argnames=("truncation", "layers", "noise"))
    assert_close(apply(found.variables, z, y), arrays["out/img"])
    assert_close(apply(found.variables, z, y, noise="none"), arrays["out/none"])
    cut = apply(found.variables, z, y, truncation=0.5, layers=(0, 3))
    assert_close(cut, arrays["out/psi0.5_cut3"])


DISCRIMINATORS = ("03_sg2_discriminator_16_skip_classes", "03_sg2_discriminator_8_orig")


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminators_of_other_architectures(golden, name):
    """With weights of classes, other filters, clamps, channels and minibatch layers."""
    _, weights, kwargs, _ = known = golden(name)
    arrays = known.arrays
    found = stylegan2_ada.import_state_dict(weights, "discriminator", **kwargs)
    images, c = arrays["in/img"].transpose(0, 2, 3, 1), arrays.get("in/c")

    def total(x):
        logits = found.module.apply(found.variables, x, c)
        return logits.sum(), logits

    (_, logits), slopes = jax.jit(jax.value_and_grad(total, has_aux=True))(images)
    assert_close(logits, arrays["out/logits"][:, 0])
    assert_close(slopes, arrays["out/grad_img"])


ROWS = json.loads(COUNTS.read_text())["rows"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['resolution']}")
def test_published_sizes(row):
    """Nothing is computed."""
    side, base, most = (row[k] for k in ("resolution", "channel_base", "channel_max"))
    generator = StyledGenerator(
        MappingNetwork(row["w_dim"], row["num_ws"], layers=row["mapping_layers"]),
        SynthesisNetwork(side, 3, base, most),
    )
    z = jax.ShapeDtypeStruct((1, row["z_dim"]), jnp.float32)
    made = jax.eval_shape(generator.init, jax.random.key(0), z)
    assert trees.count(made["params"]) == row["G"]
    discriminator = StyleGAN2Discriminator(side, base, most)
    x = jax.ShapeDtypeStruct((4, side, side, 3), jnp.float32)
    made = jax.eval_shape(discriminator.init, jax.random.key(0), x)
    assert trees.count(made["params"]) == row["D"]


def test_every_key_that_does_not_fit_is_listed(golden):
    _, weights, kwargs, _ = golden(MAPPING)
    changed = dict(weights)
    del changed["fc1.bias"]
    changed["fc9.weight"] = np.zeros((2, 2), np.float32)
    changed["fc0.weight"] = changed["fc0.weight"][:, :-1]
    with pytest.raises(UserError) as caught:
        stylegan2_ada.import_state_dict(changed, "mapping", **kwargs)
    for key in ("fc1.bias", "fc9.weight", "fc0.weight"):
        assert key in str(caught.value)


@pytest.mark.parametrize(
    ("network", "change", "message"),
    [
        ("encoder", {}, "network must be one of"),
        ("mapping", {"depth": 3}, "StyleGAN2-ADA's mapping: "),
        ("mapping", {"activation": "gelu"}, "activation must be one of"),
        ("mapping", {"z_dim": 0}, "a mapping network needs latents or classes"),
    ],
)
def test_other_networks_and_arguments_are_refused(golden, network, change, message):
    _, weights, kwargs, _ = golden(MAPPING)
    with pytest.raises(UserError) as caught:
        stylegan2_ada.import_state_dict(weights, network, **(kwargs | change))
    assert str(caught.value).startswith(message)


def test_a_side_that_is_no_power_of_two(golden):
    _, weights, kwargs, _ = golden(SYNTHESIS)
    kwargs = kwargs | {"img_resolution": 48}
    with pytest.raises(UserError, match=r"images of 4, 8, 16, \.\.\. 1024 pixels, not 48"):
        stylegan2_ada.import_state_dict(weights, "synthesis", **kwargs)


@pytest.mark.parametrize("name", [GENERATORS[0], DISCRIMINATORS[0]])
@pytest.mark.parametrize("asked", [8, 64])
def test_weights_of_another_resolution_are_refused(golden, name, asked):
    _, weights, kwargs, _ = golden(name)
    network = name.split("_")[2]
    with pytest.raises(UserError) as caught:
        stylegan2_ada.import_state_dict(
            weights, network, **kwargs | {"img_resolution": asked}
        )
    assert str(caught.value) == (
        f"StyleGAN2-ADA's {network}: these weights are of images of 16 pixels, not of "
        f"{asked}; ask for img_resolution=16"
    )


def test_another_filter_is_refused_where_it_is_used(golden):
    _, weights, kwargs, _ = golden(SYNTHESIS)
    with pytest.raises(UserError, match=r"b\d+\.resample_filter is another filter"):
        stylegan2_ada.import_state_dict(
            weights, "synthesis", **kwargs, resample_filter=[1, 2, 1]
        )
    other = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 16.0
    # The second layer of a block does not resample: the original leaves it the usual one.
    changed = {
        key: other if key.endswith("resample_filter") and "conv1" not in key else value
        for key, value in weights.items()
    }
    found = stylegan2_ada.import_state_dict(
        changed, "synthesis", **kwargs, resample_filter=[1, 2, 1]
    )
    assert found.module.taps == (1.0, 2.0, 1.0)


def test_their_own_pickles_are_refused_with_a_way_out(tmp_path):
    path = tmp_path / "ffhq.pkl"
    path.write_bytes(b"nobody reads this")
    with pytest.raises(UserError) as caught:
        read_state_dict(path)
    assert "a pickle runs code when it is read" in str(caught.value)
    assert "open('ffhq.pkl', 'rb')" in str(caught.value)
