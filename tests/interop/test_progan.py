"""The ports of ProGAN, against outputs of the original code at every depth and alpha."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from gan_jax.errors import UserError
from gan_jax.interop import progan
from gan_jax.transforms import equalized_lr

PYTORCH = {
    "08_progan_G": "generator",
    "08_progan_G_plain": "generator",
    "08_progan_D": "discriminator",
    "08_progan_D_conditional": "discriminator",
}
ZOO = {
    "08_pgan_zoo_G": "generator",
    "08_pgan_zoo_G_tanh": "generator",
    "08_pgan_zoo_D": "discriminator",
    "08_pgan_zoo_D_two": "discriminator",
    "08_pgan_zoo_D_bare": "discriminator",
}


def imported(case, network, **changes):
    return progan.import_state_dict(case.state_dict, network, **case.kwargs | changes)


def outputs(case):
    """Outputs under the names of their settings: "depth3_alpha0.3", "alpha0.3"."""
    return {key[4:]: x for key, x in case.arrays.items() if key.startswith("out/")}


def in_our_layout(x, network):
    return x.transpose(0, 2, 3, 1) if network == "generator" else x.reshape(-1)


@pytest.mark.parametrize("name", PYTORCH)
def test_pro_gan_pytorch(name, golden, nearly):
    case, network = golden(name), PYTORCH[name]
    found = imported(case, network)
    labels = (case.labels,) if "num_classes" in case.kwargs else ()
    for setting, expected in outputs(case).items():
        depth, alpha = setting.removeprefix("depth").split("_alpha")
        if network == "generator":
            inputs = case.arrays["in/z"]
        else:
            side = 2 ** int(depth)
            inputs = case.arrays["in/x"][:, :, :side, :side].transpose(0, 2, 3, 1)
        ours = found.module.apply(
            found.variables, inputs, *labels, stage=int(depth) - 2, alpha=float(alpha)
        )
        nearly(ours, in_our_layout(expected, network))


@pytest.mark.parametrize("name", ZOO)
def test_pytorch_gan_zoo(name, golden, nearly):
    case, network = golden(name), ZOO[name]
    found = imported(case, network)
    inputs = case.arrays["in/z" if network == "generator" else "in/x"]
    if network == "discriminator":
        inputs = inputs.transpose(0, 2, 3, 1)
    for setting, expected in outputs(case).items():
        theirs = float(setting.removeprefix("alpha"))
        ours = found.module.apply(found.variables, inputs, alpha=1.0 - theirs)
        nearly(ours, in_our_layout(expected, network))
        told = imported(case, network, alpha=theirs)
        nearly(told.module.apply(told.variables, inputs), in_our_layout(expected, network))


def test_coarser_stages_of_an_import_are_there(golden):
    found = imported(golden("08_progan_G"), "generator")
    z = golden("08_progan_G").arrays["in/z"]
    images = [found.module.apply(found.variables, z, stage=stage) for stage in range(3)]
    assert [x.shape for x in images] == [(3, side, side, 3) for side in (4, 8, 16)]


def test_training_goes_on_from_the_parameters_before_the_scale(golden):
    case = golden("08_progan_G")
    found = imported(case, "generator")
    np.testing.assert_array_equal(
        found.params["conv_1_0"]["kernel"],
        case.state_dict["layers.1.conv_1.weight"].transpose(2, 3, 1, 0),
    )
    seen = equalized_lr(gain=2**0.5).apply(found.params, found.transform_state or ())
    jax.tree.map(np.testing.assert_array_equal, seen, found.variables["params"])


def test_the_port_is_told_by_arguments_or_by_keys(golden):
    case = golden("08_progan_G")
    named = imported(case, "generator", port="pro_gan_pytorch")
    assert type(named.module).__name__ == "ProGANPyTorchGenerator"
    with pytest.raises(UserError, match=r"pytorch's generator .*missing: layers\.3"):
        progan.import_state_dict(case.state_dict, "generator")
    zoo = golden("08_pgan_zoo_D")
    with pytest.raises(UserError, match="pytorch_GAN_zoo's discriminator"):
        progan.import_state_dict(zoo.state_dict, "discriminator")


def test_a_training_configuration_of_the_zoo_passes(golden, nearly):
    case = golden("08_pgan_zoo_G")
    config = {
        "dimLatentVector": 7, "depthScale0": 8, "depthOtherScales": [6, 4],
        "leakyness": 0.2, "perChannelNormalization": True, "miniBatchStdDev": True,
        "equalizedlR": True, "alpha": 0.3, "lossMode": "WGANGP", "learningRate": 0.001,
    }  # fmt: skip
    found = progan.import_state_dict(case.state_dict, "generator", **config)
    ours = found.module.apply(found.variables, case.arrays["in/z"])
    nearly(ours, case.arrays["out/alpha0.3"].transpose(0, 2, 3, 1))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("08_progan_G", lambda w: w.pop("layers.1.conv_1.bias"), "missing: layers.1.conv_"),
        ("08_progan_G", lambda w: w.update(extra=np.zeros(3)), "; not used: extra$"),
        (
            "08_pgan_zoo_D",
            lambda w: w.update({"decisionLayer.module.bias": np.zeros(7)}),
            r"decisionLayer.module.bias \(7,\) cannot be params/logit/bias \(1,\)$",
        ),
        (
            "08_pgan_zoo_G",
            lambda w: (w.pop("formatLayer.module.bias"), w.update(a=0, b=0)),
            "; missing: formatLayer.module.bias; not used: a, b$",
        ),
    ],
)
def test_every_key_that_does_not_fit_is_listed(golden, name, change, message):
    case, weights = golden(name), dict(golden(name).state_dict)
    change(weights)
    with pytest.raises(UserError, match=message):
        progan.import_state_dict(weights, (PYTORCH | ZOO)[name], **case.kwargs)


@pytest.mark.parametrize(
    ("name", "network", "change", "message"),
    [
        ("08_progan_G", "generator", {"depth": 3}, "not used: .*layers.2.conv_1.weight"),
        ("08_progan_G", "generator", {"depth": 5}, "missing: layers.3.conv_1.bias"),
        ("08_progan_G", "generator", {"num_channels": 1}, r"cannot be .*\(1, 1, 16, 1\)"),
        ("08_progan_G", "generator", {"depth": 1}, "depth must be at least 2"),
        ("08_progan_G", "generator", {"port": "tensorflow"}, "port must be pro_gan_"),
        ("08_progan_G", "critic", {}, "network must be generator or discriminator"),
        (
            "08_pgan_zoo_G",
            "generator",
            {"normalization": False},
            "normalization must be True",
        ),
        ("08_pgan_zoo_G", "generator", {"alpha": 2}, "alpha must lie between 0 and 1"),
        (
            "08_pgan_zoo_G",
            "generator",
            {"generationActivation": "sigmoid"},
            "generationActivation must be None or tanh",
        ),
        (
            "08_pgan_zoo_D",
            "discriminator",
            {"sizeDecisionLayer": 5},
            "sizeDecisionLayer must be 1",
        ),
        (
            "08_pgan_zoo_D",
            "discriminator",
            {"depthOtherScales": [6]},
            "not used: .*scaleLayers.1",
        ),
    ],
)
def test_weights_of_another_architecture(golden, name, network, change, message):
    with pytest.raises(UserError, match=message):
        imported(golden(name), network, **change)
