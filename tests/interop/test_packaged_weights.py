"""The nets whose weights come with the package, against PyTorch's outputs."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import UserError
from gan_jax.interop import efficientnet, squeezenet
from gan_jax.metrics import weights_store

FOLDER = Path(weights_store.__file__).parent / "weights"


def stored(name):
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def outputs(imported, seed, side, scale):
    x = np.random.default_rng(seed).standard_normal((2, side, side, 3)).astype(np.float32)
    return jax.jit(imported.module.apply)(imported.variables, jnp.asarray(scale * x))


def test_efficientnet_is_the_published_one(feature_nets, nearly):
    imported = efficientnet.import_state_dict(stored("efficientnet_lite0"))
    ours = outputs(imported, 4, 64, np.float32(1.0))
    nearly(ours, feature_nets["efficientnet"], 1e-5)


def test_squeezenet_is_the_published_one(feature_nets, nearly):
    """At 60 pixels two of its three maxima reach beyond the edge."""
    imported = squeezenet.import_state_dict(stored("squeezenet11"))
    ours = outputs(imported, 3, 60, np.float32(50.0))
    nearly(ours.features, feature_nets["squeezenet/features"], 2e-6)
    nearly(ours.logits, feature_nets["squeezenet/logits"], 2e-6)
    means = np.stack([np.mean(x, (1, 2, 3)) for x in ours.activations], axis=1)
    nearly(means, feature_nets["squeezenet/activation_means"], 2e-6)
    assert [x.shape[-1] for x in ours.activations] == [64, 128, 256, 384, 384, 512, 512]


@pytest.mark.parametrize("family", [efficientnet, squeezenet])
def test_what_does_not_fit_is_refused(family):
    arrays = stored(family.NETWORK)
    key = next(iter(arrays))
    arrays["another"] = arrays.pop(key)
    with pytest.raises(UserError, match="not the weights of") as error:
        family.import_state_dict(arrays)
    assert f"missing: {key}; not used: another" in str(error.value)
    with pytest.raises(UserError, match="there is no 'resnet'"):
        family.import_state_dict(arrays, "resnet")
