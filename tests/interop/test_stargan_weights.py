"""StarGAN's weights, against outputs of the original code."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.interop import stargan
from tests.interop import formula_cases

NAME = "08_stargan_G"


def imported(case, **changes):
    return stargan.import_state_dict(case.state_dict, "generator", **case.kwargs | changes)


def test_the_generator_in_both_modes_and_its_statistics(golden, nearly):
    case = golden(NAME)
    found = imported(case)
    images, domains = case.arrays["in/x"].transpose(0, 2, 3, 1), case.arrays["in/c"]

    @jax.jit
    def both(variables):
        train = found.module.apply(
            variables, images, domains, train=True, mutable=["batch_stats"]
        )
        return found.module.apply(variables, images, domains), *train

    seen, trained, new = both(found.variables)
    nearly(seen, case.arrays["out/eval"].transpose(0, 2, 3, 1))
    nearly(trained, case.arrays["out/train"].transpose(0, 2, 3, 1))
    statistics = dict(trees.leaves_with_path(new["batch_stats"]))
    places = {
        "stem_norm": "main.1",
        "down_1_norm": "main.7",
        "block_0/norm_0": "main.9.main.1",
        "block_1/norm_1": "main.10.main.4",
        "up_1_norm": "main.15",
    }
    for path, key in places.items():
        nearly(statistics[f"{path}/mean"], case.arrays[f"out/after/{key}.running_mean"])
        nearly(statistics[f"{path}/var"], case.arrays[f"out/after/{key}.running_var"])


@pytest.mark.parametrize("name", formula_cases.names("stargan"))
def test_the_discriminator(name, by_formula, nearly):
    case = formula_cases.load(name, by_formula)
    found = case.imported()
    seen = case.seen(found)["eval"]
    nearly(seen.logits, case.outputs["eval"][:, 0])
    nearly(seen.classes, case.outputs["eval_cls"])
    assert trees.count(found.params) == sum(x.size for x in case.state_dict.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"repeat_num": 3}, r"missing: main\.11\.main\.1\.running_mean"),
        ({"c_dim": 4}, r"main\.0\.weight \(8, 8, 7, 7\) cannot be .* \(7, 7, 7, 8\)"),
        ({"conv_dim": 4}, r"main\.9\.main\.1\.running_mean \(32,\) cannot be .* \(16,\)"),
    ],
)
def test_weights_of_another_architecture(golden, change, message):
    with pytest.raises(UserError, match=message):
        imported(golden(NAME), **change)


def test_what_the_discriminator_cannot_be(by_formula):
    case = formula_cases.load("stargan_D", by_formula)
    with pytest.raises(UserError, match=r"conv2\.weight .* cannot be .*\(8, 8, 16, 7\)"):
        case.imported(image_size=64)
    with pytest.raises(UserError, match="needs images of at least 8 x 8, got 4 x 4"):
        case.imported(image_size=4)
    with pytest.raises(UserError, match="must be generator or discriminator, got 'both'"):
        stargan.import_state_dict({"main.0.weight": np.zeros(3)}, "both")
