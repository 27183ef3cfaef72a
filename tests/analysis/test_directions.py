"""SeFa: which layers take the latent in, and the eigenvectors of their kernels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import analysis
from gan_jax.networks.biggan import BigGANGenerator, BigGANPlan
from gan_jax.networks.dcgan import DCGANGenerator

DRAWS = np.random.default_rng(0)
LATENTS = jnp.asarray(DRAWS.standard_normal((2, 6)), jnp.float32)


def variables_of(module, *inputs):
    shapes = jax.eval_shape(module.init, jax.random.key(0), *inputs)
    return jax.tree.map(
        lambda x: jnp.asarray(DRAWS.standard_normal(x.shape) ** 2, jnp.float32), shapes
    )


def test_the_projection_of_a_dcgan():
    module = DCGANGenerator((8, 8, 1), 2, 3)
    variables = variables_of(module, LATENTS)
    found = analysis.latent_kernels(lambda z: module.apply(variables, z), LATENTS)
    assert list(found) == ["project"]
    np.testing.assert_allclose(
        found["project"], variables["params"]["project"]["kernel"], rtol=1e-5
    )


def test_chunks_of_a_hierarchical_latent_beside_an_embedding():
    plan = BigGANPlan((2, 2), (2, 1, 1), (1, 1), (True, False))
    module = BigGANGenerator(plan, 2, 1, num_classes=3, embedding=4)
    labels = jnp.asarray([1], jnp.int32)
    variables = variables_of(module, LATENTS[:1], labels)
    found = analysis.latent_kernels(lambda z: module.apply(variables, z, labels), LATENTS)
    block = variables["params"]["block_1"]
    norms = [name for name in block if "gain" in block[name]]
    assert {f"block_1/{n}/{s}" for n in norms for s in ("gain", "bias")} < set(found)
    assert "project" in found
    assert len(found) == 1 + 2 * 2 * len(norms)
    for name in norms:
        kernel = np.zeros((6, block[name]["gain"]["kernel"].shape[1]))
        kernel[4:] = block[name]["gain"]["kernel"][4:]  # after the embedding of 4
        np.testing.assert_allclose(found[f"block_1/{name}/gain"], kernel, rtol=1e-5)


def test_a_network_that_takes_its_latent_in_by_no_layer():
    with pytest.raises(ValueError, match="no layer of this network is an affine"):
        analysis.latent_kernels(jnp.tanh, LATENTS)
    with pytest.raises(ValueError, match="two latents"):
        analysis.latent_kernels(jnp.tanh, LATENTS[:1])


def test_directions_are_the_singular_vectors_of_all_kernels_together():
    kernels = {"a": DRAWS.standard_normal((6, 3)), "b": DRAWS.standard_normal((6, 8))}
    found = analysis.sefa(kernels, 4)
    left, values, _ = np.linalg.svd(np.concatenate([kernels["a"], kernels["b"]], axis=1))
    np.testing.assert_allclose(found.strengths, values[:4], rtol=1e-10)
    alike = np.abs(np.sum(found.directions * left.T[:4], axis=1))
    np.testing.assert_allclose(alike, 1.0, rtol=1e-10)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(4), atol=1e-12)
    assert (found.directions.max(axis=1) == np.abs(found.directions).max(axis=1)).all()


def test_one_known_direction():
    """A kernel that sees one axis alone."""
    found = analysis.sefa({"only": np.array([[0.0], [-3.0], [0.0]])}, 1)
    np.testing.assert_allclose(found.directions, [[0.0, 1.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(found.strengths, [3.0])
    line = analysis.along(jnp.ones(3), found.directions[0], np.array([-1.0, 0.0, 2.0]))
    np.testing.assert_allclose(line, [[1, 0, 1], [1, 1, 1], [1, 3, 1]], atol=1e-6)
    for kernels, k in (({}, 1), ({"a": np.ones((2, 2))}, 3)):
        with pytest.raises(ValueError, match=r"SeFa needs|need 1 <= k"):
            analysis.sefa(kernels, k)
