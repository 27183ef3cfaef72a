"""Less common arguments of BigGAN-PyTorch, against outputs of the original code."""

from __future__ import annotations

import numpy as np
import pytest

from gan_jax.interop import biggan_pytorch

CASES = {
    "01_biggan_D32_attention_svs2": "discriminator",
    "01_biggan_G32_mybn_eps": "generator",
    "01_biggan_G32_nosn_base8": "generator",
    "01_biggandeep_D32_attention": "discriminator",
}


@pytest.mark.parametrize("name", CASES)
def test_the_network_is_the_original(name, golden, same_network):
    case = golden(name)
    weights, network = case.state_dict, CASES[name]
    same_network(biggan_pytorch.import_state_dict(weights, network, **case.kwargs), case)


def test_statistics_of_a_cross_replica_norm(golden):
    case = golden("01_biggan_G32_nohier_noshared")
    plain = biggan_pytorch.import_state_dict(case.state_dict, "generator", **case.kwargs)
    weights = {
        key.replace(".stored_", ".bn.running_"): x for key, x in case.state_dict.items()
    }
    counted = {key.replace("_mean", "_num"): 0 for key in weights if "running_mean" in key}
    weights |= {
        key.replace("running_num", "num_batches_tracked"): np.int64(3) for key in counted
    }
    replicas = biggan_pytorch.import_state_dict(
        weights, "generator", **case.kwargs, cross_replica=True
    )
    for one, other in zip(
        plain.variables["batch_stats"].items(),
        replicas.variables["batch_stats"].items(),
        strict=True,
    ):
        np.testing.assert_equal(one, other)
