"""BigGAN-PyTorch's weights, against outputs of the original code."""

from __future__ import annotations

import numpy as np
import pytest

from gan_jax.errors import UserError
from gan_jax.interop import biggan_pytorch

CASES = {
    "01_biggan_D32": "discriminator",
    "01_biggan_G32_hier_shared": "generator",
    "01_biggan_G32_nohier_noshared": "generator",
    "01_biggandeep_G32_hier_shared": "generator",
}


@pytest.mark.parametrize("name", CASES)
def test_the_network_is_the_original(name, golden, same_network):
    case = golden(name)
    weights, network = case.state_dict, CASES[name]
    same_network(biggan_pytorch.import_state_dict(weights, network, **case.kwargs), case)


def test_rows_of_the_projection_are_moved_to_channels_last(golden):
    case = golden("01_biggan_G32_hier_shared")
    imported = biggan_pytorch.import_state_dict(case.state_dict, "generator", **case.kwargs)
    weight = case.state_dict["linear.weight"]
    kernel = imported.params["project"]["kernel"].T.reshape(4, 4, 32, 5)
    np.testing.assert_array_equal(kernel.transpose(2, 0, 1, 3).reshape(512, 5), weight)
    u = imported.transform_state["project/kernel"]["u"].reshape(16, 32).T.reshape(-1)
    np.testing.assert_array_equal(u, case.state_dict["linear.u0"][0])


def changed(weights, change):
    weights = dict(weights)
    change(weights)
    return weights


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("linear.bias"), "; missing: linear.bias$"),
        (lambda w: w.pop("embed.u0"), "; missing: embed.u0$"),
        (
            lambda w: w.update({"linear.u0": np.zeros((1, 3))}),
            r"; of another shape: linear.u0 \(1, 3\) cannot be .*logit/kernel/u \(1,\)$",
        ),
        (lambda w: w.update(extra=np.zeros(3)), "; not used: extra$"),
        (
            lambda w: w.update({"linear.bias": np.zeros(7)}),
            r"; of another shape: linear.bias \(7,\) cannot be params/logit/bias \(1,\)$",
        ),
        (
            lambda w: w.update({"blocks.0.0.conv1.weight": np.zeros((16, 27))}),
            r"conv1.weight \(16, 27\) cannot be params/block_0/conv_0/kernel \(3, 3, 3, 1",
        ),
        (
            lambda w: (w.pop("linear.bias"), w.pop("embed.weight"), w.update(a=0, b=0)),
            "; missing: embed.weight, linear.bias; not used: a, b$",
        ),
    ],
)
def test_every_key_that_does_not_fit_is_listed(golden, change, message):
    case = golden("01_biggan_D32")
    weights = changed(case.state_dict, change)
    with pytest.raises(UserError, match=message):
        biggan_pytorch.import_state_dict(weights, "discriminator", **case.kwargs)


@pytest.mark.parametrize(
    ("network", "change", "message"),
    [
        (
            "discriminator",
            {"n_classes": 9},
            r"embed.weight \(10, 16\) cannot be .* \(9, 16\)",
        ),
        ("discriminator", {"resolution": 64}, "missing: .*blocks.4.0.conv1.weight"),
        ("discriminator", {"D_attn": "16"}, "missing: .*blocks.0.1.gamma"),
        ("discriminator", {"D_wide": False}, r"conv1.bias \(16,\) cannot be .* \(3,\)"),
        (
            "generator",
            {},
            "missing: blocks.0.0.bn1.stored_mean, .* and 39 more; not used: ",
        ),
        ("critic", {}, "network must be generator or discriminator, got 'critic'"),
    ],
)
def test_weights_of_another_architecture(golden, network, change, message):
    case = golden("01_biggan_D32")
    with pytest.raises(UserError, match=message):
        biggan_pytorch.import_state_dict(case.state_dict, network, **case.kwargs | change)


def test_vectors_of_a_network_without_spectral_norm_are_not_passed_over(golden):
    case = golden("01_biggan_G32_hier_shared")
    with pytest.raises(UserError, match=r"; not used: .*linear.u0, linear.sv0"):
        biggan_pytorch.import_state_dict(
            case.state_dict, "generator", **case.kwargs, G_param="none"
        )
