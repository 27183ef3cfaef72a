"""ResNets under torchvision's names: one against torchvision, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.interop import torchvision_resnet

LAYERS = (1, 2, 1, 1)
_PARTS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def shapes(layers):
    """Of a ResNet with bottlenecks, without its class layer."""
    found = {"conv1.weight": (64, 3, 7, 7), **_norm("bn1", 64)}
    inputs = 64
    for stage, count in enumerate(layers):
        width = 64 * 2**stage
        for block in range(count):
            prefix = f"layer{stage + 1}.{block}"
            sizes = [(width, inputs, 1), (width, width, 3), (4 * width, width, 1)]
            for i, (outputs, channels, side) in enumerate(sizes, start=1):
                found[f"{prefix}.conv{i}.weight"] = (outputs, channels, side, side)
                found |= _norm(f"{prefix}.bn{i}", outputs)
            if block == 0:
                found[f"{prefix}.downsample.0.weight"] = (4 * width, inputs, 1, 1)
                found |= _norm(f"{prefix}.downsample.1", 4 * width)
            inputs = 4 * width
    return found


def _norm(name, size):
    return {f"{name}.{part}": () if "num" in part else (size,) for part in _PARTS}


@pytest.fixture(scope="module")
def weights(by_formula):
    return {key: by_formula(key, shape) for key, shape in shapes(LAYERS).items()}


def test_features_are_torchvisions(weights, feature_nets, nearly):
    heads = {
        "fc.weight": np.zeros((10, 2048)),
        "projection_head.0.weight": np.zeros((128, 2048)),
        "prototypes.weight": np.zeros((30, 128)),
    }
    imported = torchvision_resnet.import_state_dict({**weights, **heads}, layers=LAYERS)
    x = np.random.default_rng(1).standard_normal((2, 64, 64, 3)).astype(np.float32)
    ours = jax.jit(imported.module.apply)(imported.variables, jnp.asarray(x))
    nearly(ours, feature_nets["resnet"], 2e-6)


def test_published_size():
    """25.6 M with classes: 23,508,032, of which the gains of the norms are folded away."""
    count = trees.count(torchvision_resnet.build()[1])
    gains = sum(
        shape[0]
        for key, shape in shapes((3, 4, 6, 3)).items()
        if key.endswith("weight") and len(shape) == 1
    )
    assert count + gains == 23_508_032


def test_what_does_not_fit_is_refused(weights):
    with pytest.raises(
        UserError, match=r"not the weights of a ResNet-50 .* missing: layer2"
    ):
        torchvision_resnet.import_state_dict(weights, layers=(1, 3, 1, 1))
    with pytest.raises(UserError, match=r"not used: layer2\.1\.conv1\.weight"):
        torchvision_resnet.import_state_dict(weights, layers=(1, 1, 1, 1))
    with pytest.raises(UserError, match=r"blocks of 4 resolutions, got \(3, 4\)"):
        torchvision_resnet.import_state_dict(weights, layers=(3, 4))
    with pytest.raises(UserError, match="has the network 'resnet50', there is no 'resnet"):
        torchvision_resnet.import_state_dict(weights, "resnet101")
