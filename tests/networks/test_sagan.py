"""SAGAN as residual networks with attention, against parameter counts of public code."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks.resnet import (
    DISCRIMINATOR_PLANS,
    GENERATOR_PLANS,
    DiscriminatorPlan,
    GeneratorPlan,
    ResNetDiscriminator,
    ResNetGenerator,
)
from gan_jax.nn.adapter import from_linen

GOLDEN = Path(__file__).parents[1] / "golden"
KEY = jax.random.key(0)
LABELS = jax.ShapeDtypeStruct((2,), jnp.int32)
NARROW = DiscriminatorPlan((8, 16, 32, 64, 128, 128), (True,) * 5 + (False,))


@pytest.mark.parametrize(
    ("model", "resolution", "plan", "after"),
    [("sagan32", 32, DISCRIMINATOR_PLANS[32], 1), ("sagan128", 128, NARROW, 2)],
)
def test_parameter_counts_are_those_of_public_code(model, resolution, plan, after):
    rows = json.loads((GOLDEN / "04_mimicry_param_counts.json").read_text())["rows"]
    row = next(row for row in rows if row["model"] == model)
    classes = row["kwargs"]["num_classes"]
    g = ResNetGenerator(
        GENERATOR_PLANS[resolution], use_bias=True, num_classes=classes, attention=(after,)
    )
    d = ResNetDiscriminator(plan, num_classes=classes, attention=(1,))
    nets = (
        from_linen(g, (128,), LABELS),
        from_linen(d, (resolution, resolution, 3), LABELS),
    )
    params = [jax.eval_shape(net.init, KEY)[0] for net in nets]
    assert [trees.count(tree) for tree in params] == [row["G"], row["D"]]
    features = GENERATOR_PLANS[resolution].features[after]
    query = params[0][f"attention_{after}"]["query"]["kernel"]
    assert query.shape == (1, 1, features, features // 8)


def test_attention_acts_once_its_gate_opens():
    g = ResNetGenerator(GeneratorPlan((2, 2, 8), (8, 8)), attention=(0,))
    d = ResNetDiscriminator(DiscriminatorPlan((8, 8), (True, False)), attention=(1,))
    z = jax.random.normal(KEY, (2, 4))
    for net, plain, x in (
        (g, g.clone(attention=()), z),
        (d, d.clone(attention=()), jax.random.normal(KEY, (2, 4, 4, 3))),
    ):
        variables = jax.jit(net.init)(KEY, x)
        (name,) = (name for name in variables["params"] if name.startswith("attention"))
        bare = {n: leaf for n, leaf in variables["params"].items() if n != name}
        apply = jax.jit(net.apply)
        expected = jax.jit(plain.apply)(variables | {"params": bare}, x)
        np.testing.assert_allclose(apply(variables, x), expected, atol=1e-6)
        open_gate = variables["params"][name] | {"gamma": jnp.float32(1.0)}
        opened = variables | {"params": bare | {name: open_gate}}
        assert float(jnp.abs(apply(opened, x) - expected).max()) > 1e-3


def test_wide_discriminators_widen_in_the_first_convolution():
    plan = DiscriminatorPlan((4, 8), (True, True))
    shapes = []
    for wide in (False, True):
        net = from_linen(ResNetDiscriminator(plan, wide=wide), (8, 8, 3))
        block = jax.eval_shape(net.init, KEY)[0]["block_1"]
        shapes.append([block[name]["kernel"].shape[2:] for name in ("conv_0", "conv_1")])
    assert shapes == [[(4, 4), (4, 8)], [(4, 8), (8, 8)]]


def test_attention_after_no_block_is_refused():
    with pytest.raises(ValueError, match="no block 3"):
        ResNetGenerator(attention=(3,)).init(KEY, jnp.ones((1, 4)))
    with pytest.raises(ValueError, match="no block 4"):
        ResNetDiscriminator(attention=(4,)).init(KEY, jnp.ones((1, 32, 32, 3)))
