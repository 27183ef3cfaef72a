"""The same features through pytorch-fid, torch-fidelity, clean-fid and prdc.

They are the extra "peers" (`pip install 'gan-jax[peers]'`). The tests of a package that is
not there, or does not load beside the packages that are, are skipped and say why.
"""

import importlib
import inspect

import numpy as np
import pytest

from gan_jax.metrics import frechet, kernel, prdc
from gan_jax.metrics.inception_score import inception_score

TOLERANCE = {"rtol": 1e-6, "atol": 1e-12}
SHAPES = {"many": (500, 400, 24), "wide": (900, 1000, 96)}


def features(case):
    """Two sets of correlated float64 features that are not Gaussian."""
    n, m, d = SHAPES[case]
    rng = np.random.default_rng(d)
    mix = rng.standard_normal((d, d)) / np.sqrt(d)
    real = np.abs(rng.standard_normal((n, d))) @ mix
    fake = np.abs(rng.standard_normal((m, d))) @ (mix + 0.1 * rng.standard_normal((d, d)))
    return real, 1.1 * fake + 0.2


@pytest.fixture(params=SHAPES)
def pair(request):
    return features(request.param)


def logits():
    return 3.0 * np.random.default_rng(0).standard_normal((203, 15))


def load(module):
    """A peer; torchvision raises RuntimeError beside a torch that it was not built for."""
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError) as error:
        return pytest.skip(f"{module} does not load: {error}")


def peer_frechet(module, function, pair):
    """A peer's Fréchet distance of the statistics of numpy."""
    peer = getattr(load(module), function)
    try:
        return peer(*(z for x in pair for z in (x.mean(axis=0), np.cov(x, rowvar=False))))
    except TypeError as error:
        # SciPy 1.18 took away an argument of `sqrtm` that the peers still pass.
        if "disp" not in str(error):
            raise
        pytest.skip(f"{module} does not work with this SciPy: {error}")


@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("pytorch_fid.fid_score", "calculate_frechet_distance"),
        ("cleanfid.fid", "frechet_distance"),
    ],
)
def test_frechet_distance_of_pytorch_fid_and_clean_fid(module, function, pair):
    found = frechet.frechet_distance(*pair)
    np.testing.assert_allclose(found, peer_frechet(module, function, pair), **TOLERANCE)


def test_frechet_distance_of_torch_fidelity(pair):
    torch, peer = load("torch"), load("torch_fidelity.metric_fid")
    stats = [peer.fid_features_to_statistics(torch.from_numpy(x)) for x in pair]
    expected = peer.fid_statistics_to_metric(*stats, verbose=False)
    found = frechet.frechet_distance(*pair)
    np.testing.assert_allclose(found, expected[peer.KEY_METRIC_FID], **TOLERANCE)


def test_kernel_distance_of_clean_fid(pair):
    peer = load("cleanfid.fid")
    pair = [x[:400] for x in pair]
    # One subset of all: their draws only change the order.
    expected = peer.kernel_distance(*pair, num_subsets=1)
    np.testing.assert_allclose(kernel.kernel_distance(*pair), expected, **TOLERANCE)


@pytest.mark.parametrize("sigma", [None, 5.0])
def test_kernel_distance_over_subsets_of_torch_fidelity(pair, sigma):
    torch, peer = load("torch"), load("torch_fidelity.metric_kid")
    options = {} if sigma is None else {"kid_kernel": "rbf", "kid_kernel_rbf_sigma": sigma}
    expected = peer.kid_features_to_metric(
        *(torch.from_numpy(x) for x in pair),
        kid_subsets=4,
        kid_subset_size=150,
        rng_seed=7,
        verbose=False,
        **options,
    )
    chosen = None if sigma is None else kernel.gaussian_kernel(sigma)
    draws, values = np.random.RandomState(7), []
    for _ in range(4):
        some = [x[draws.choice(len(x), 150, replace=False)] for x in pair]
        values.append(kernel.kernel_distance(*some, kernel=chosen))
    np.testing.assert_allclose(
        [np.mean(values), np.std(values)],
        [expected[peer.KEY_METRIC_KID_MEAN], expected[peer.KEY_METRIC_KID_STD]],
        **TOLERANCE,
    )


@pytest.mark.parametrize("splits", [1, 10])
def test_inception_score_of_torch_fidelity(splits):
    torch, peer = load("torch"), load("torch_fidelity.metric_isc")
    expected = peer.isc_features_to_metric(torch.from_numpy(logits()), splits, False)
    found = inception_score(logits(), splits)
    np.testing.assert_allclose(
        found,
        [expected[peer.KEY_METRIC_ISC_MEAN], expected[peer.KEY_METRIC_ISC_STD]],
        **TOLERANCE,
    )


@pytest.mark.parametrize("k", [3, 5])
def test_precision_and_recall_of_torch_fidelity(pair, k):
    torch, peer = load("torch"), load("torch_fidelity.metric_prc")
    real, fake = (torch.from_numpy(x) for x in pair)
    # Which set is the real one changed between its versions; their names tell.
    expected = peer.prc_features_to_metric(
        *((fake, real) if "GENERATED" in inspect.getsource(peer) else (real, fake)),
        prc_neighborhood=k,
        verbose=False,
    )
    found = prdc.precision_recall_density_coverage(*pair, neighbours=k)
    # It averages in float32.
    np.testing.assert_allclose(
        [found.precision, found.recall],
        [expected[peer.KEY_METRIC_PRECISION], expected[peer.KEY_METRIC_RECALL]],
        **TOLERANCE,
    )


@pytest.mark.parametrize("k", [3, 5])
def test_precision_recall_density_coverage_of_prdc(pair, k):
    peer = load("prdc")
    expected = peer.compute_prdc(*pair, nearest_k=k)
    found = prdc.precision_recall_density_coverage(*pair, neighbours=k)
    for name, value in found._asdict().items():
        np.testing.assert_allclose(value, expected[name], **TOLERANCE, err_msg=name)
