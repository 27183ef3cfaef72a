"""The FID's Inception against pytorch-fid's own outputs, weights by formula."""

import json
import math
import zlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import interop, trees
from gan_jax.errors import UserError
from gan_jax.interop import inception
from gan_jax.interop.folded import _folded
from gan_jax.metrics import resize
from gan_jax.networks.inception import InceptionV3

FOLDER = Path(__file__).parents[1] / "golden"
KEYS = json.loads((FOLDER / "07_inception_keys.json").read_text())


@pytest.fixture(scope="module")
def weights(by_formula):
    return {key: by_formula(key, shape) for key, shape in KEYS["shapes"].items()}


def test_the_formula_gives_the_reference_weights(weights):
    for key, expected in KEYS["crc32_of_float32_bytes"].items():
        assert zlib.crc32(weights[key].tobytes()) == expected, key


def test_pool_and_logits_are_pytorch_fids(weights, nearly):
    expected = np.load(FOLDER / "07_inception_outputs.npz")
    imported = interop.inception.import_state_dict(weights)
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)

    @jax.jit
    def outputs(variables, images):
        pixels = resize.legacy(images.astype(jnp.float32), (299, 299))
        return imported.module.apply(variables, pixels * (2.0 / 255.0) - 1.0)

    pool, logits = outputs(imported.variables, images)
    assert pool.shape == (2, 2048)
    assert logits.shape == (2, 1008)
    nearly(pool[:, ::8], expected["pool"], 2e-6)
    nearly(logits[:, ::4], expected["logits"], 5e-6)
    # The Inception score's logits have no bias.
    unbiased = inception.build(biased=False)[0]
    last = {"params": {"fc": imported.params["fc"]}}
    assert unbiased == InceptionV3(biased=False) != imported.module
    nearly(
        np.asarray(pool) @ np.asarray(last["params"]["fc"]["kernel"])[:, ::4],
        expected["unbiased"],
        5e-6,
    )


def test_parameters():
    """23.8 M of the network whose batch norms are folded, without their moments."""
    shapes = inception.build()[1]["params"]
    convolutions = [
        shape for key, shape in KEYS["shapes"].items() if key.endswith("conv.weight")
    ]
    expected = sum(math.prod(shape) + shape[0] for shape in convolutions)
    assert len(convolutions) == 94
    assert trees.count(shapes) == expected + 2048 * 1008 + 1008


def test_folding():
    """A normed convolution of one pixel, and the same in float64."""
    rng = np.random.default_rng(2)
    kernel = rng.standard_normal((1, 1, 5, 4)).astype(np.float32)
    scale, shift, mean = rng.standard_normal((3, 4)).astype(np.float32)
    var = rng.uniform(0.1, 2.0, 4).astype(np.float32)
    x = rng.standard_normal(5)
    gain, bias = _folded(kernel, scale, shift, mean, var, epsilon=0.1)
    normed = (x @ kernel[0, 0].astype(np.float64) - mean) / np.sqrt(var + 0.1)
    np.testing.assert_allclose(x @ gain[0, 0] + bias, scale * normed + shift, rtol=1e-5)


def test_keys_that_do_not_fit_are_listed(weights):
    wrong = dict(weights)
    del wrong["Mixed_6c.branch7x7_2.bn.running_var"]
    wrong["AuxLogits.fc.weight"] = np.zeros((1000, 768), np.float32)
    wrong["fc.weight"] = np.zeros((1000, 2048), np.float32)
    with pytest.raises(UserError, match="not the weights of the FID's Inception") as error:
        inception.import_state_dict(wrong)
    text = str(error.value)
    assert "missing: Mixed_6c.branch7x7_2.bn.running_var;" in text
    assert "not used: AuxLogits.fc.weight;" in text
    assert "fc.weight (1000, 2048) cannot be params/fc/kernel (2048, 1008)" in text
    with pytest.raises(UserError, match="has the network 'inception', there is no 'gen"):
        inception.import_state_dict(weights, "generator")


def test_small_images_are_refused():
    image = jax.ShapeDtypeStruct((1, 74, 80, 3), jnp.float32)
    with pytest.raises(ValueError, match=r"75 pixels or more a side, got \(74, 80\)"):
        jax.eval_shape(InceptionV3().init, jax.random.key(0), image)
