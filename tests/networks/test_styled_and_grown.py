"""What ProGAN's, StyleGAN's and StyleGAN2's networks share: reduced precision, and labels
where there are none to be.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from gan_jax import trees
from gan_jax.networks.progan import ProGANDiscriminator, ProGANGenerator, ProGANPlan
from gan_jax.networks.stylegan import (
    StyleGANDiscriminator,
    StyleGANGenerator,
    StyleGANSynthesis,
)
from gan_jax.networks.stylegan2 import SynthesisNetwork
from gan_jax.networks.stylegan2_discriminator import StyleGAN2Discriminator
from gan_jax.networks.stylegan2_mapping import MappingNetwork, StyledGenerator

PLAN = ProGANPlan((8, 6), 5)
Z, SIDE, ROWS = 7, 8, 4


def progan(classes=None, dtype=jnp.float32):
    generator = ProGANGenerator(PLAN, num_classes=classes, dtype=dtype)
    return generator, ProGANDiscriminator(PLAN, num_classes=classes, dtype=dtype)


def stylegan(classes=None, dtype=jnp.float32):
    synthesis = StyleGANSynthesis(PLAN, dtype=dtype)
    mapping = MappingNetwork(6, synthesis.num_ws, classes, layers=2)
    judge = StyleGANDiscriminator(PLAN, num_classes=classes, dtype=dtype)
    return StyleGANGenerator(mapping, synthesis), judge


def stylegan2(classes=None, dtype=jnp.float32):
    synthesis = SynthesisNetwork(SIDE, 3, 64, 8, dtype=dtype)
    mapping = MappingNetwork(6, synthesis.num_ws, classes, layers=2)
    labels = classes and MappingNetwork(8, None, classes, layers=1, decay=None)
    judge = StyleGAN2Discriminator(SIDE, 64, 8, mapping=labels, dtype=dtype)
    return StyledGenerator(mapping, synthesis), judge


families = pytest.mark.parametrize("family", [progan, stylegan, stylegan2])
LATENTS = jax.random.normal(jax.random.key(1), (ROWS, Z))
IMAGES = jax.random.normal(jax.random.key(2), (ROWS, SIDE, SIDE, 3))


def bumped(path, leaf):
    """Biases and strengths that are not nought, and a constant that is not flat."""
    if not path.endswith(("bias", "noise_strength", "constant")):
        return leaf
    waves = jnp.cos(jnp.arange(leaf.size, dtype=jnp.float32)).reshape(leaf.shape)
    return leaf + 0.3 * waves


@families
def test_bfloat16_is_near_float32(family):
    for wide, narrow, x in zip(
        family(), family(dtype=jnp.bfloat16), (LATENTS, IMAGES), strict=True
    ):
        variables = jax.jit(narrow.init)(jax.random.key(0), x)
        assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
        params = trees.map_with_path(bumped, variables["params"])
        variables = {**variables, "params": params}
        exact, rough = (jax.jit(m.apply)(variables, x) for m in (wide, narrow))
        assert rough.dtype == jnp.float32
        error = float(jnp.linalg.norm(rough - exact) / jnp.linalg.norm(exact))
        # A dozen layers round, each to 2^-9 of its values.
        assert 0.0 < error < 0.04


@families
def test_labels_need_classes_and_classes_labels(family):
    y = jnp.zeros((ROWS,), jnp.int32)
    for plain, x in zip(family(), (LATENTS, IMAGES), strict=True):
        with pytest.raises(ValueError, match="unconditional: leave the labels out"):
            jax.eval_shape(plain.init, jax.random.key(0), x, y)
    for conditional, x in zip(family(classes=3), (LATENTS, IMAGES), strict=True):
        with pytest.raises(ValueError, match="conditional on 3 classes: pass labels y"):
            jax.eval_shape(conditional.init, jax.random.key(0), x)
