"""Less common arguments of BigGAN-PyTorch, against outputs of the original code."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from gan_jax.errors import UserError
from gan_jax.interop import biggan_pytorch
from gan_jax.interop.biggan_pytorch_norms import Conditioned, block_norm
from gan_jax.nn.norm import ConditionalBatchNorm

CASES = {
    "01_biggan_D32_attention_svs2": "discriminator",
    "01_biggan_D32_narrow": "discriminator",
    "01_biggan_G32_cross_replica": "generator",
    "01_biggan_G32_instance": "generator",
    "01_biggan_G32_mybn_eps": "generator",
    "01_biggan_G32_nosn_base8": "generator",
    "01_biggandeep_D32_attention": "discriminator",
}

LINEAR = ("gain", "bias")


@pytest.mark.parametrize("name", CASES)
def test_the_network_is_the_original(name, golden, same_network):
    case = golden(name)
    weights, network = case.state_dict, CASES[name]
    same_network(biggan_pytorch.import_state_dict(weights, network, **case.kwargs), case)


def across_replicas(golden):
    """A generator's weights under the keys of cross-replica norms, and its arguments."""
    case = golden("01_biggan_G32_nohier_noshared")
    weights = {
        key.replace(".stored_", ".bn.running_"): x for key, x in case.state_dict.items()
    }
    means = [key for key in weights if key.endswith(".running_mean")]
    weights |= {
        f"{key.removesuffix('running_mean')}num_batches_tracked": np.int64(3)
        for key in means
    }
    return weights, case.kwargs | {"cross_replica": True}


def test_norms_that_several_replicas_trained_multiply_by_their_gain(golden):
    case = golden("01_biggan_G32_nohier_noshared")
    plain = biggan_pytorch.import_state_dict(case.state_dict, "generator", **case.kwargs)
    weights, kwargs = across_replicas(golden)
    many = biggan_pytorch.import_state_dict(weights, "generator", **kwargs, replicas=8)
    assert many.module.blocks_norm.func is ConditionalBatchNorm
    jax.tree.map(np.testing.assert_array_equal, many.variables, plain.variables)
    one = biggan_pytorch.import_state_dict(weights, "generator", **kwargs)
    assert one.module.blocks_norm.func is Conditioned
    jax.tree.map(np.testing.assert_array_equal, one.params, plain.params)


def test_deep_networks_are_told_by_their_keys(golden):
    """With the depth that the original has unless told otherwise, 2."""
    case = golden("01_biggandeep_G32_hier_shared")
    kwargs = {key: x for key, x in case.kwargs.items() if key != "G_depth"}
    for given in (kwargs, kwargs | {"model": "BigGANdeep", "G_depth": 2}):
        found = biggan_pytorch.import_state_dict(case.state_dict, "generator", **given)
        assert len(found.module.plan.up) == 6
    with pytest.raises(UserError, match=r"not used: .*conv3"):
        biggan_pytorch.import_state_dict(
            case.state_dict, "generator", **kwargs, model="BigGAN"
        )


def test_a_whole_configuration_passes(golden):
    """The depths in one of BigGAN's do not make it BigGAN-deep."""
    case = golden("01_biggan_D32")
    more = {"model": "BigGAN", "G_depth": 1, "D_depth": 1, "G_nl": "relu", "seed": 0}
    more |= {"D_activation": "ReLU(inplace=True)", "SN_eps": 1e-8, "G_attn": "64"}
    found = biggan_pytorch.import_state_dict(
        case.state_dict, "discriminator", **case.kwargs, **more
    )
    plain = biggan_pytorch.import_state_dict(
        case.state_dict, "discriminator", **case.kwargs
    )
    assert found.module == plain.module
    jax.tree.map(np.testing.assert_array_equal, found.variables, plain.variables)


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        ("generator", {"norm_style": "gn"}, "norm_style must be one of bn, in, nonorm"),
        ("generator", {"G_depth": 2, "hier": False}, "needs hier=True and G_shared=True"),
        ("generator", {"hier": True, "G_shared": False}, "hier=True needs G_shared=True"),
        ("generator", {"G_depth": 3}, "BigGAN-deep at 128 needs G_depth=2, got 3"),
        ("generator", {"G_depth": 2, "resolution": 512}, "no such generator for .*=512"),
        ("generator", {"resolution": 48}, "only for 32, 64, 128, 256, 512$"),
        ("generator", {"G_activation": "ELU()"}, "G_activation must be a ReLU .*ELU"),
        ("generator", {"model": "biggan"}, "model must be one of BigGAN, BigGANdeep, got"),
        ("generator", {"n_classes": 0}, "no network has this architecture: "),
        ("generator", {"G_ch": 0}, "no network has this architecture: "),
        ("generator", {"dim_z": 3, "hier": True}, "no network .*: a hierarch"),
        ("discriminator", {"resolution": 512}, "no such discriminator for resolution=512"),
        ("discriminator", {"output_dim": 3}, "output_dim must be 1, .*; got 3"),
        ("discriminator", {"D_param": "SVD"}, "D_param must be 'SN', .*; got 'SVD'"),
        ("discriminator", {"D_depth": 0}, "needs D_depth of 1 or more, got 0"),
        ("discriminator", {"D_activation": "elu"}, "D_activation must be a ReLU"),
    ],
)
def test_what_the_original_does_not_run(network, arguments, message):
    with pytest.raises(UserError, match=message) as error:
        biggan_pytorch.import_state_dict({}, network, **arguments)
    assert "\n" not in str(error.value)


def test_an_epsilon_that_changes_a_spectral_norm_is_refused(golden):
    case = golden("01_biggan_D32")
    with pytest.raises(UserError, match=r"epsilon of 100.0 is not supported where a kern"):
        biggan_pytorch.import_state_dict(
            case.state_dict, "discriminator", **case.kwargs, SN_eps=100.0
        )


@pytest.mark.parametrize("classes", [None, 3])
@pytest.mark.parametrize("added", [True, False])
def test_norms_of_blocks(classes, added):
    """Against the formula of the original, in both modes."""
    rng = np.random.default_rng(0)
    x = rng.normal(1.0, 2.0, (4, 3, 3, 5)).astype(np.float32)
    y = rng.integers(0, 3, 4) if classes else rng.normal(size=(4, 6)).astype(np.float32)
    style = "bn" if added else "nonorm"
    made = block_norm(style, epsilon=0.1, num_classes=classes, added=added)()
    variables = made.init(jax.random.key(0), x, y)
    kernels = {name: next(iter(variables["params"][name].values())) for name in LINEAR}
    gain, bias = (
        np.asarray(k[y] if classes else y @ k)[:, None, None] for k in kernels.values()
    )
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    for train in (True, False):
        normal = x
        if added:
            moments = (mean, var) if train else (np.zeros(5), np.ones(5))
            normal = (x - moments[0]) / np.sqrt(moments[1] + 0.1)
        expected = normal + (1 + gain) if added else normal * (1 + gain)
        found, _ = made.apply(variables, x, y, train=train, mutable=["batch_stats"])
        np.testing.assert_allclose(found, expected + bias, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="needs labels or styles"):
        made.apply(variables, x)
