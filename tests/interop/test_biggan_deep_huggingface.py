"""Hugging Face's BigGAN-deep, against outputs of the original code."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from gan_jax.errors import UserError
from gan_jax.interop import biggan_deep_huggingface as family

NAME = "02_biggandeep_hf_small"


@pytest.fixture(scope="module")
def evaluate(golden):
    """Evaluation as one program for all truncations."""
    case = golden(NAME)
    z, y = case.arrays["in/z"], case.arrays["in/class_label"].argmax(-1).astype(np.int32)
    module = family.import_state_dict(case.state_dict, **case.kwargs).module
    program = jax.jit(module.apply)
    return lambda imported: program(imported.variables, z, y)


def test_images_at_every_truncation(golden, evaluate):
    case = golden(NAME)
    seen = []
    for index, truncation in enumerate(case.meta["truncations"]):
        imported = family.import_state_dict(
            case.state_dict, "generator", **case.kwargs, truncation=truncation
        )
        images = evaluate(imported)
        expected = case.arrays[f"out/image_trunc{index}"].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(images, expected, atol=1e-5 * np.abs(expected).max())
        seen.append(np.asarray(images))
    assert np.abs(seen[0] - seen[2]).max() > 1e-3


def test_statistics_lie_between_two_rows_as_published(golden):
    case = golden(NAME)
    means = case.state_dict["generator.bn.running_means"]
    for truncation, expected in (
        (0.43, 0.3 * means[4] + 0.7 * means[5]),
        (0.5, means[5]),
        (1.0, means[10]),
    ):
        imported = family.import_state_dict(
            case.state_dict, **case.kwargs, truncation=truncation
        )
        mean = imported.variables["batch_stats"]["norm"]["mean"]
        np.testing.assert_allclose(mean, expected, rtol=1e-5, atol=1e-6)


def test_training_mode_uses_the_stored_statistics_too(golden, evaluate):
    """And does not change them; what it does is to advance the spectral norm."""
    case = golden(NAME)
    z, y = case.arrays["in/z"], case.arrays["in/class_label"].argmax(-1).astype(np.int32)
    imported = family.import_state_dict(case.state_dict, **case.kwargs)
    program = jax.jit(partial(imported.module.apply, train=True, mutable=["batch_stats"]))
    images, new = program(imported.variables, z, y)
    np.testing.assert_allclose(images, evaluate(imported), atol=1e-6)
    stats = imported.variables["batch_stats"]
    jax.tree.map(np.testing.assert_array_equal, new["batch_stats"], stats)


def test_kernels_before_their_spectral_norm(golden):
    case = golden(NAME)
    imported = family.import_state_dict(case.state_dict, **case.kwargs)
    published = case.state_dict
    key, path = "generator.layers.5.conv_2", "block_4/conv_2/kernel"
    weight = published[f"{key}.weight_orig"]
    kernel = imported.params["block_4"]["conv_2"]["kernel"]
    np.testing.assert_array_equal(kernel, weight.transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(
        imported.transform_state[path]["u"], published[f"{key}.weight_u"]
    )
    v = published[f"{key}.weight_v"]
    np.testing.assert_array_equal(
        imported.transform_state[path]["v"],
        v.reshape(-1, 3, 3).transpose(1, 2, 0).reshape(-1),
    )
    sigma = published[f"{key}.weight_u"] @ weight.reshape(len(weight), -1) @ v
    np.testing.assert_allclose(
        imported.variables["params"]["block_4"]["conv_2"]["kernel"],
        kernel / sigma,
        rtol=1e-5,
    )


@pytest.mark.parametrize("index", range(3))
def test_published_configurations(index):
    folder = Path(__file__).parents[1] / "golden"
    text = (folder / "02_biggandeep_hf_param_counts.json").read_text()
    row = json.loads(text)["rows"][index]
    with pytest.raises(UserError, match="missing: ") as caught:
        family.import_state_dict({}, config=row["config"])
    # An empty file lacks every entry: parameters, statistics and vectors.
    listed, more = str(caught.value).split("missing: ")[1].split(" and ")
    lacking = len(listed.split(", ")) + int(more.split(" ")[0])
    assert lacking == row["state_dict_entries"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "discriminator"}, "only the generator was published"),
        ({"truncation": 0.0}, "truncation must be above 0 and at most 1, got 0.0"),
        ({"truncation": 1.5}, "truncation must be above 0 and at most 1, got 1.5"),
        ({"n_stats": 51}, r"running_means \(11, 128\) cannot be batch_stats/"),
        ({"n_stats": 1}, "n_stats must be 2 or more, got 1"),
        ({"num_classes": 9}, r"embeddings.weight \(16, 10\) cannot be .* \(9, 16\)"),
        ({"attention_layer_position": 0}, "it follows a block"),
        ({"attention_layer_position": 5}, "missing: generator.layers.4."),
        ({"layers": [[True, 16, 8], [True, 4, 1]]}, "layers must go from 16 widths to 1"),
        ({"layers": [[True, 16, 4], [True, 4, 1]]}, "layers must keep their widths or hal"),
        ({"attention_layer_position": -1}, "not used: generator.layers.4.gamma"),
        ({"widht": 3}, "config has no field 'widht'"),
    ],
)
def test_what_is_not_these_weights(golden, change, message):
    case = golden(NAME)
    given = {key: change[key] for key in ("network", "truncation") if key in change}
    rest = {key: value for key, value in change.items() if key not in given}
    config = case.kwargs["config"] | rest
    with pytest.raises(UserError, match=message):
        family.import_state_dict(case.state_dict, **given, config=config)
