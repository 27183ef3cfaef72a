"""Reference networks, and how an imported one is compared with them."""

from __future__ import annotations

import collections
import functools
import json
import math
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.transforms import spectral_norm

FOLDER = Path(__file__).parents[1] / "golden"
TOLERANCE = 2e-5


class Golden(NamedTuple):
    """A reference: its arrays, its state_dict and how it was made."""

    arrays: dict[str, np.ndarray]
    state_dict: dict[str, np.ndarray]
    kwargs: dict[str, Any]
    meta: dict[str, Any]

    @property
    def labels(self):
        return self.arrays["in/y"].astype(np.int32) if "in/y" in self.arrays else None


@functools.cache
def _load(name):
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    meta = json.loads(str(arrays.pop("meta")))
    weights = {key[3:]: x for key, x in arrays.items() if key.startswith("sd/")}
    return Golden(arrays, weights, meta["kwargs"], meta)


@pytest.fixture(scope="session")
def golden():
    """`golden(name)`: a reference, whose dicts the test may not change."""
    return _load


def nhwc(x):
    return x.transpose(0, 2, 3, 1)


def close(ours, theirs, tolerance=TOLERANCE):
    """Equal relative to the largest value."""
    assert ours.shape == theirs.shape
    error = np.abs(np.asarray(ours, np.float64) - theirs).max() / np.abs(theirs).max()
    assert error < tolerance


@pytest.fixture(scope="session")
def same_network():
    """`same_network(imported, golden)`: evaluation, its gradient by the images, training
    mode with all gradients, and the power iteration are the reference's.
    """
    return _same_network


def _same_network(imported, golden):
    arrays, y = golden.arrays, golden.labels
    if "in/z" in arrays:
        inputs, outputs, objective = arrays["in/z"], nhwc, _waves
    else:
        inputs, outputs = nhwc(arrays["in/x"]), lambda x: x[:, 0]
        objective = lambda logits: jax.nn.softplus(-logits).mean()  # noqa: E731
    apply = imported.module.apply

    def total(x):
        seen = apply(imported.variables, x, y)
        return seen.sum(), seen

    (_, seen), by_inputs = jax.jit(jax.value_and_grad(total, has_aux=True))(inputs)
    close(seen, outputs(arrays["out/eval"]))
    if "out/eval_gradx" in arrays:
        close(by_inputs, nhwc(arrays["out/eval_gradx"]))

    state = imported.transform_state
    transform = spectral_norm(where=lambda path, leaf: path in state)
    rest = {key: tree for key, tree in imported.variables.items() if key != "params"}

    def training(params):
        after = transform.update(params, state) if state else state
        normed = transform.apply(params, after) if state else params
        seen, new = apply(
            {"params": normed, **rest}, inputs, y, train=True, mutable=["batch_stats"]
        )
        return objective(seen), (seen, new, after)

    step = jax.jit(jax.value_and_grad(training, has_aux=True))
    (_, (seen, new, after)), gradients = step(imported.params)
    close(seen, outputs(arrays["out/train"]))
    _same_gradients(gradients, golden)
    _same_vectors(state, after, golden)
    _same_means(rest, new, golden)


def _waves(images):
    """The mean of images times cosines of the place in NCHW order."""
    flat = images.transpose(0, 3, 1, 2).reshape(-1)
    return jnp.mean(flat * np.cos(0.37 * np.arange(flat.size)).astype(np.float32))


def _same_gradients(gradients, golden):
    arrays, squares = golden.arrays, collections.Counter()
    halves = any(name.endswith(".embed.weight") for name in golden.meta["param_names"])
    for path, x in trees.leaves_with_path(gradients):
        # mimicry keeps gains and biases by class in one table.
        joined = halves and path.endswith(("gain/embedding", "bias/embedding"))
        name = path.rsplit("/", 2)[0] if joined else path
        squares[name] += float(jnp.square(x).sum())
    norms = np.sqrt(sorted(squares.values()))
    expected = np.sort(arrays["out/train_pgrad_norms"])
    total = float(arrays["out/train_pgrad_total_norm"])
    np.testing.assert_allclose(norms, expected, rtol=0, atol=1e-4 * total)
    np.testing.assert_allclose(float(trees.global_norm(gradients)), total, rtol=1e-4)


def _same_vectors(state, after, golden):
    """The vectors u after an iteration, found by their values before it."""
    kept = {
        key: np.sort(x.reshape(-1))
        for key, x in golden.state_dict.items()
        if key.endswith((".u0", ".weight_u", ".sn_u"))
    }
    assert len(kept) == len(state)
    for path, vectors in state.items():
        before = np.sort(vectors["u"])
        keys = [key for key, x in kept.items() if np.array_equal(x, before)]
        expected = [np.sort(golden.arrays[f"out/after/{key}"].reshape(-1)) for key in keys]
        ours = np.sort(after[path]["u"])
        assert min(np.abs(ours - x).max() for x in expected) < 1e-5


def _same_means(before, after, golden):
    """Running means after a batch; PyTorch's variances are of another kind."""
    names = ("stored_mean", "running_mean")
    expected = [
        np.sort(x)
        for key, x in golden.arrays.items()
        if key.startswith("out/after/") and key.endswith(names)
    ]
    means = [
        np.sort(x) for path, x in trees.leaves_with_path(after) if path.endswith("/mean")
    ]
    assert len(means) == len(expected)
    for mean in means:
        assert min(np.abs(mean - x).max() for x in expected if x.size == mean.size) < 1e-5


def _by_formula(key, shape):
    if key.endswith("num_batches_tracked"):
        return np.asarray(7)
    x = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(math.prod(shape))
    if key == "fc.weight":
        x /= np.sqrt(shape[1])
    elif key.endswith("running_var"):
        x = np.exp(0.2 * x)
    elif key.endswith("weight"):
        x = 1.0 + 0.1 * x if len(shape) == 1 else x * np.sqrt(2.0 / math.prod(shape[1:]))
    else:
        x *= 0.1
    return x.reshape(shape).astype(np.float32)


@pytest.fixture(scope="session")
def by_formula():
    """`by_formula(key, shape)`: the weights of reference networks that are too large for
    a file, drawn from a generator seeded by their key.
    """
    return _by_formula


@pytest.fixture(scope="session")
def feature_nets():
    """Outputs of reference feature nets, by name."""
    with np.load(FOLDER / "07_feature_nets.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@pytest.fixture(scope="session")
def nearly():
    """`nearly(ours, theirs, tolerance)`: equal relative to the largest value."""
    return close
