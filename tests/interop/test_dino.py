"""DINO's transformers: a small one against the original code, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.interop import dino

SMALL = {"embed_dim": 32, "num_heads": 4, "depth": 2, "patch_size": 8, "img_size": 32}
SHAPES = {
    "cls_token": (1, 1, 32),
    "pos_embed": (1, 17, 32),
    "patch_embed.proj.weight": (32, 3, 8, 8),
    "patch_embed.proj.bias": (32,),
    "norm.weight": (32,),
    "norm.bias": (32,),
}
for block in range(2):
    for name, (inputs, outputs) in {
        "attn.qkv": (32, 96), "attn.proj": (32, 32), "mlp.fc1": (32, 128),
        "mlp.fc2": (128, 32),
    }.items():  # fmt: skip
        SHAPES[f"blocks.{block}.{name}.weight"] = (outputs, inputs)
        SHAPES[f"blocks.{block}.{name}.bias"] = (outputs,)
    for name in ("norm1", "norm2"):
        SHAPES |= {f"blocks.{block}.{name}.{part}": (32,) for part in ("weight", "bias")}


@pytest.fixture(scope="module")
def weights(by_formula):
    return {key: by_formula(key, shape) for key, shape in SHAPES.items()}


def test_features_are_the_originals(weights, feature_nets, nearly):
    head = {"head.weight": np.zeros((1000, 32)), "head.bias": np.zeros(1000)}
    imported = dino.import_state_dict({**weights, **head}, **SMALL)
    x = np.random.default_rng(2).standard_normal((2, 32, 32, 3)).astype(np.float32)
    ours = imported.module.apply(imported.variables, jnp.asarray(x))
    nearly(ours, feature_nets["vit"], 2e-6)


@pytest.mark.parametrize(
    ("network", "count"), [("vits16", 21_665_664), ("vitb16", 85_798_656)]
)
def test_published_sizes(network, count):
    """Parameters of the files that DINO publishes."""
    assert trees.count(dino.build(network)[1]) == count


def test_what_does_not_fit_is_refused(weights):
    wrong = {key: x for key, x in weights.items() if key != "blocks.1.mlp.fc2.bias"}
    wrong["blocks.2.norm1.bias"] = np.zeros(32)
    with pytest.raises(UserError, match="not the weights of DINO's vits16") as error:
        dino.import_state_dict(wrong, **{**SMALL, "img_size": 40})
    assert "missing: blocks.1.mlp.fc2.bias;" in str(error.value)
    assert "not used: blocks.2.norm1.bias;" in str(error.value)
    assert "pos_embed (1, 17, 32) cannot be params/positions (1, 26, 32)" in str(
        error.value
    )
    with pytest.raises(UserError, match="network must be vits16 or vitb16, got 'vits8'"):
        dino.import_state_dict(weights, "vits8")
    with pytest.raises(UserError, match="num_heads must divide embed_dim 32, got 5"):
        dino.import_state_dict(weights, **{**SMALL, "num_heads": 5})
