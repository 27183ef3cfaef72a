"""mimicry's weights, against outputs of the original code and its own formulas."""

from __future__ import annotations

import numpy as np
import pytest

from gan_jax.errors import UserError
from gan_jax.interop import mimicry

GOLDEN = {
    f"04_mimicry_{name}32_{network[0].upper()}": network
    for name in ("sngan", "cganpd", "sagan")
    for network in ("generator", "discriminator")
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_network_is_the_original(name, golden, same_network):
    case = golden(name)
    imported = mimicry.import_state_dict(case.state_dict, GOLDEN[name], **case.kwargs)
    named = mimicry.import_state_dict(
        case.state_dict, GOLDEN[name], cls=case.meta["cls"], **case.kwargs
    )
    assert imported.module == named.module
    same_network(imported, case)


ENTRIES = {
    "SNGANGenerator48": 50,
    "SNGANDiscriminator48": 64,
    "SNGANGenerator64": 64,
    "SNGANDiscriminator64": 64,
    "SNGANGenerator128": 78,
    "SNGANDiscriminator128": 72,
    "CGANPDGenerator128": 68,
    "CGANPDDiscriminator128": 75,
    "SAGANGenerator128": 115,
    "SAGANDiscriminator128": 88,
}
"""State_dicts of the original, without the counters of batches."""


@pytest.mark.parametrize("name", ENTRIES)
def test_entries_of_every_class(name):
    """An empty file lacks all entries, so that the error tells how many there are."""
    network = "generator" if "Generator" in name else "discriminator"
    classes = None if name.startswith("SNGAN") else 1000
    with pytest.raises(UserError, match=f"mimicry's {name} with") as caught:
        mimicry.import_state_dict({}, network, cls=name, num_classes=classes)
    missing = str(caught.value).split("missing: ")[1]
    listed, _, more = missing.partition(" and ")
    count = len(listed.split(", ")) + int(more.split(" ")[0])
    assert count == ENTRIES[name]


def test_the_class_is_told_by_the_keys(golden):
    """Also where the number of blocks is the same."""
    case = golden("04_mimicry_sngan32_G")
    tapered = {
        key: x[:8] if key.startswith("block2.c1") else x
        for key, x in case.state_dict.items()
    }
    with pytest.raises(UserError, match="the weights of mimicry's SNGANGenerator48 with"):
        mimicry.import_state_dict(tapered, "generator", **case.kwargs)
    case = golden("04_mimicry_sngan32_D")
    longer = {f"block5.{key}": x for key, x in case.state_dict.items() if key != "l5.bias"}
    for last, resolution in ((5, 48), (6, 64)):
        weights = {
            **case.state_dict,
            **longer,
            "l5.bias": None,
            f"l{last}.bias": np.zeros(1),
        }
        weights = {key: x for key, x in weights.items() if x is not None}
        with pytest.raises(
            UserError, match=f"mimicry's SNGANDiscriminator{resolution} with"
        ):
            mimicry.import_state_dict(weights, "discriminator", **case.kwargs)


@pytest.mark.parametrize(
    ("network", "change", "message"),
    [
        ("generator", {"num_classes": None}, "SAGANGenerator32 needs classes, got num_cl"),
        ("generator", {"num_classes": 4}, r"embed.weight \(5, 16\) cannot be .* \(4, 8\)"),
        ("generator", {"nz": 7}, r"l1.weight_orig \(128, 6\) cannot be .* \(7, 128\)"),
        ("generator", {"cls": "SNGANGenerator32"}, "SNGANGenerator32 has no classes"),
        ("generator", {"cls": "SAGANGenerator64"}, "'SAGANGenerator64' is no generator of"),
        ("generator", {"cls": "SAGANDiscriminator32"}, "is no generator of mimicry's"),
        ("discriminator", {}, "not the weights of mimicry's SAGANDiscriminator"),
        ("both", {}, "network must be generator or discriminator, got 'both'"),
    ],
)
def test_weights_of_another_architecture(golden, network, change, message):
    case = golden("04_mimicry_sagan32_G")
    with pytest.raises(UserError, match=message):
        mimicry.import_state_dict(case.state_dict, network, **case.kwargs | change)


def test_vectors_are_needed_and_listed(golden):
    case = golden("04_mimicry_sngan32_D")
    weights = {k: x for k, x in case.state_dict.items() if k != "block2.c1.weight_v"}
    weights["l5.weight_u"] = np.zeros(2)
    with pytest.raises(
        UserError, match=r"missing: block2.c1.weight_v; of another shape: l5"
    ):
        mimicry.import_state_dict(weights, "discriminator", **case.kwargs)


def test_gains_by_class_are_centred_on_one(golden):
    case = golden("04_mimicry_cganpd32_G")
    imported = mimicry.import_state_dict(case.state_dict, "generator", **case.kwargs)
    table = case.state_dict["block3.b2.embed.weight"]
    norm = imported.params["block_1"]["norm_1"]
    np.testing.assert_allclose(1 + norm["gain"]["embedding"], table[:, :8], atol=1e-7)
    np.testing.assert_array_equal(norm["bias"]["embedding"], table[:, 8:])
