"""pytorch-CycleGAN-and-pix2pix's weights, against outputs of the original code."""

from __future__ import annotations

import numpy as np
import pytest

from gan_jax import interop, trees
from gan_jax.errors import UserError
from gan_jax.interop import cyclegan
from tests.interop import formula_cases

GIVEN = {
    "08_cyclegan_resnet_instance_2blocks": "generator",
    "08_patchgan_instance_3layers": "discriminator",
}


def imported(case, network, **changes):
    return cyclegan.import_state_dict(case.state_dict, network, **case.kwargs | changes)


@pytest.mark.parametrize("name", GIVEN)
def test_the_networks_with_instance_normalisation(name, golden, nearly):
    case = golden(name)
    found = imported(case, GIVEN[name])
    images = case.arrays["in/x"].transpose(0, 2, 3, 1)
    ours = found.module.apply(found.variables, images)
    theirs = case.arrays["out/eval"].transpose(0, 2, 3, 1)
    nearly(ours if ours.ndim == 4 else ours[..., None], theirs)
    assert found.params is found.variables["params"]
    assert found.transform_state == {}


@pytest.mark.parametrize("name", formula_cases.names("cyclegan"))
def test_every_class_and_normalisation(name, by_formula, nearly):
    case = formula_cases.load(name, by_formula)
    found = case.imported()
    seen = case.seen(found)
    for mode, theirs in case.outputs.items():
        ours = seen[mode] if seen[mode].ndim == 4 else seen[mode][..., None]
        nearly(ours, theirs.transpose(0, 2, 3, 1))
    counted = sum(
        x.size
        for key, x in case.state_dict.items()
        if not key.endswith(("running_mean", "running_var", "num_batches_tracked"))
    )
    assert trees.count(found.params) == counted


@pytest.mark.parametrize("name", formula_cases.names("cyclegan"))
def test_class_and_normalisation_are_told_by_the_weights(name, by_formula):
    case = formula_cases.load(name, by_formula)
    told = case.imported(norm_layer=None).module
    assert told == case.imported(cls=case.cls).module
    named = {"batch": "BatchNorm2d", "instance": "torch.nn.InstanceNorm2d", "none": "none"}
    assert told == case.imported(norm_layer=named[case.kwargs["norm_layer"]]).module


def test_training_goes_on_with_the_originals_dropout(by_formula):
    resnet = formula_cases.load("resnet_batch_dropout", by_formula)
    assert resnet.imported().module.dropout == 0.5
    unet = formula_cases.load("unet_6_instance_dropout", by_formula).imported().module
    assert (unet.dropout, unet.noisy) == (0.5, (1,))
    plain = formula_cases.load("unet_5_batch", by_formula).imported().module
    assert (plain.dropout, plain.noisy) == (0.0, ())


def test_statistics_that_old_files_have_of_instance_norms_are_not_used(golden):
    case = golden("08_cyclegan_resnet_instance_2blocks")
    old = {"running_mean": np.ones(8), "running_var": np.ones(8)}
    old |= {"num_batches_tracked": np.asarray(3)}
    weights = case.state_dict | {f"model.2.{key}": x for key, x in old.items()}
    found = cyclegan.import_state_dict(weights, "generator", **case.kwargs)
    assert set(found.variables) == {"params"}


def test_a_sigmoid_at_the_end_is_left_out(by_formula):
    case = formula_cases.load("pixel_batch", by_formula)
    assert case.imported(use_sigmoid=True).module == case.imported().module


def test_the_command_finds_the_family(tmp_path, golden):
    case = golden("08_patchgan_instance_3layers")
    np.savez(tmp_path / "d.npz", **case.state_dict)
    path, manifest = interop.convert(
        "cyclegan", "discriminator", tmp_path / "d.npz", tmp_path, {"ndf": 8}
    )
    assert manifest["parameters"] == str(sum(x.size for x in case.state_dict.values()))
    kernel = interop.read_export(path).variables["params"]["conv_1"]["kernel"]
    theirs = case.state_dict["model.2.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(kernel, theirs)


RESNET, PATCH = GIVEN


@pytest.mark.parametrize(
    ("name", "network", "change", "message"),
    [
        (RESNET, "translator", {}, "must be generator or discriminator, got 'translator'"),
        (RESNET, "generator", {"cls": "PixelDiscriminator"}, "must be ResnetGenerator or"),
        (RESNET, "generator", {"n_blocks": 3}, r"missing: model\.12\.conv_block\.1\.bias"),
        (
            RESNET,
            "generator",
            {"ngf": 16},
            r"conv_block\.1\.bias \(32,\) cannot be .* \(64,\)",
        ),
        (
            RESNET,
            "generator",
            {"use_dropout": True},
            r"missing: model\.10\.conv_block\.6\.",
        ),
        (
            RESNET,
            "generator",
            {"norm_layer": "batch"},
            r"missing: .*conv_block\.2\.running_mean",
        ),
        (
            RESNET,
            "generator",
            {"norm_layer": "group"},
            "norm_layer must be batch, instance",
        ),
        (
            RESNET,
            "generator",
            {"padding_type": "wrap"},
            "padding must be one of reflect, r",
        ),
        (PATCH, "discriminator", {"n_layers": 2}, r"not used: model\.11\.weight"),
        (PATCH, "discriminator", {"n_layers": 0}, "n_layers must be at least 1, got 0"),
    ],
)
def test_weights_of_another_architecture(golden, name, network, change, message):
    with pytest.raises(UserError, match=message):
        imported(golden(name), network, **change)


def test_fewer_levels_than_the_original_builds(by_formula):
    case = formula_cases.load("unet_5_batch", by_formula)
    with pytest.raises(UserError, match=r"num_downs must be at least 5, .*; got 4"):
        case.imported(num_downs=4)
    with pytest.raises(UserError, match=r"missing: .*model\.3\.model\.3\.model\.3"):
        case.imported(num_downs=6)
