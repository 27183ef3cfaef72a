"""Two ports of SRGAN, against outputs of the original code."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.interop import srgan
from tests.interop import formula_cases


@pytest.mark.parametrize("name", formula_cases.names("srgan"))
def test_the_network_is_the_original(name, by_formula, nearly):
    case = formula_cases.load(name, by_formula)
    found = case.imported()
    seen = case.seen(found)
    for mode, theirs in case.outputs.items():
        ours = seen[mode]
        if case.network == "generator":
            theirs = theirs.transpose(0, 2, 3, 1)
        else:
            # That of leftthomas ends with a sigmoid.
            ours = jax.nn.sigmoid(ours) if "net.0.weight" in case.state_dict else ours
            theirs = theirs.reshape(-1)
        nearly(ours, theirs)
    counted = sum(
        x.size
        for key, x in case.state_dict.items()
        if not key.endswith(("running_mean", "running_var", "num_batches_tracked"))
    )
    assert trees.count(found.params) == counted


def test_the_port_is_told_by_the_keys(by_formula):
    for name, port in (("srgan_new_x2", "SRGAN-PyTorch"), ("srgan_lt_x4", "leftthomas")):
        case = formula_cases.load(name, by_formula)
        assert case.imported(port=port).module == case.imported().module


def test_an_argument_of_the_first_versions(by_formula):
    case = formula_cases.load("srgan_new_x2", by_formula)
    older = {key: x for key, x in case.kwargs.items() if key != "upscale"}
    found = srgan.import_state_dict(case.state_dict, "generator", **older, upscale_factor=2)
    assert found.module == case.imported().module


def test_keys_of_a_compiled_network(by_formula):
    case = formula_cases.load("srgan_new_x2", by_formula)
    compiled = {f"_orig_mod.{key}": x for key, x in case.state_dict.items()}
    found = srgan.import_state_dict(compiled, "generator", **case.kwargs)
    kernel = case.state_dict["conv2.0.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(found.params["fusion"]["kernel"], kernel)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("srgan_new_x2", {"upscale": 3}, "upscale must be 2, 4 or 8, .*; got 3"),
        (
            "srgan_new_x2",
            {"upscale": 4},
            r"missing: upsampling\.1\.upsample_block\.0\.bias",
        ),
        ("srgan_new_x2", {"num_rcb": 0}, r"not used: trunk\.0\.rcb\.0\.weight"),
        ("srgan_new_x2", {"port": "mmagic"}, "port must be SRGAN-PyTorch or leftthomas"),
        ("srgan_lt_x4", {"scale_factor": 2}, r"not used: block8\.1\.conv\.weight"),
        ("srgan_lt_x4", {"scale_factor": 1}, "scale_factor must be 2, 4 or 8"),
        ("srgan_new_D", {"out_channels": 2}, "out_channels must be 1, a logit for each"),
        (
            "srgan_new_D",
            {"channels": 1},
            r"features\.3\.running_mean \(2,\) cannot be .* \(1,\)",
        ),
    ],
)
def test_weights_of_another_architecture(name, change, message, by_formula):
    case = formula_cases.load(name, by_formula)
    with pytest.raises(UserError, match=message):
        case.imported(**change)


def test_no_such_network(by_formula):
    case = formula_cases.load("srgan_new_x2", by_formula)
    with pytest.raises(UserError, match="network must be generator or discriminator"):
        srgan.import_state_dict(case.state_dict, "upscaler", **case.kwargs)
