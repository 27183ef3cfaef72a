"""Several seeds in one program, against each seed by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gan_jax as gj
from gan_jax import parallel

SEEDS, STEPS = 4, 2


def algorithm():
    """A small game with a transform and an average."""
    game = gj.methods.METHODS["ns_gan"](
        image_shape=(2,),
        g_features=(8,),
        d_features=(8,),
        recipe=gj.methods.Recipe(
            prior=gj.priors.normal(3),
            g_tx=optax.sgd(0.1),
            d_tx=optax.sgd(0.1, momentum=0.5),
            d_transform=gj.transforms.spectral_norm(),
            g_ema=gj.Ema(20.0),
        ),
    )
    return gj.compile_game(game)


def data():
    """Leaves (seeds, steps, batch, 2)."""
    rng = np.random.default_rng(0)
    shape = (SEEDS, STEPS, 8, 2)
    return {"image": rng.uniform(-1.0, 1.0, shape).astype(np.float32)}


def numbers(tree):
    """Leaves as numpy arrays, keys as their data."""
    return [
        np.asarray(
            jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
        )
        for x in jax.tree.leaves(tree)
    ]


@pytest.fixture(scope="module")
def alone():
    """Final state and mean metrics of each seed, stepped by itself."""
    played = algorithm()
    step = jax.jit(played.step)
    ends = []
    for seed, key in enumerate(jax.random.split(jax.random.key(7), SEEDS)):
        state, seen = played.init(key), []
        for i in range(STEPS):
            batch = jax.tree.map(lambda x, i=i, s=seed: x[s, i : i + 1], data())
            state, metrics = step(state, batch)
            seen.append(metrics)
        means = jax.tree.map(lambda *m: np.mean(m, dtype=np.float32), *seen)
        ends.append(numbers((state, means)))
    return [np.stack(leaves) for leaves in zip(*ends, strict=True)]


@pytest.mark.parametrize(
    ("devices", "vectorise", "donate"),
    [(1, None, True), (4, None, False), (2, True, True)],
)
def test_seeds_together_equal_each_alone(alone, devices, vectorise, donate):
    played, mesh = algorithm(), parallel.make_mesh(shape={"data": devices})
    keys = jax.random.split(jax.random.key(7), SEEDS)
    states = parallel.init_seeds(played, keys, mesh)
    batch = jax.device_put(data(), parallel.seeds_sharding(mesh))
    step = parallel.seeds_step(
        played, mesh, steps_per_call=STEPS, vectorise=vectorise, donate=donate
    )
    together = step(states, batch)
    assert states.step.is_deleted() == donate
    for leaf in jax.tree.leaves(together):
        assert leaf.sharding.is_equivalent_to(parallel.seeds_sharding(mesh), leaf.ndim)
    for one, other in zip(numbers(together), alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-6)


def test_seeds_start_as_by_themselves_and_differ():
    played, mesh = algorithm(), parallel.make_mesh(shape={"data": 2})
    keys = jax.random.split(jax.random.key(7), SEEDS)
    states = numbers(parallel.init_seeds(played, keys, mesh))
    for seed, key in enumerate(keys):
        for stacked, own in zip(states, numbers(played.init(key)), strict=True):
            np.testing.assert_array_equal(stacked[seed], own)
    kernels = [leaf for leaf in states if leaf.ndim == 3 and leaf.any()]
    assert all(len(np.unique(k.reshape(SEEDS, -1), axis=0)) == SEEDS for k in kernels)
    assert len(kernels) >= 3


def test_each_device_holds_its_seeds_alone():
    mesh = parallel.make_mesh(shape={"data": 4})
    keys = jax.random.split(jax.random.key(7), SEEDS)
    states = parallel.init_seeds(algorithm(), keys, mesh)
    for leaf in jax.tree.leaves(states):
        assert {shard.data.shape[0] for shard in leaf.addressable_shards} == {1}


def test_seeds_that_devices_cannot_share_are_refused():
    keys = jax.random.split(jax.random.key(7), 3)
    mesh = parallel.make_mesh(shape={"data": 2})
    with pytest.raises(ValueError, match="3 seeds cannot be split over 2 devices"):
        parallel.init_seeds(algorithm(), keys, mesh)


@pytest.mark.parametrize("function", ["init_seeds", "seeds_step"])
def test_further_axes_are_refused(function):
    mesh = parallel.make_mesh(shape={"data": 2, "model": 4})
    keys = jax.random.split(jax.random.key(7), SEEDS)
    arguments = (keys, mesh) if function == "init_seeds" else (mesh,)
    with pytest.raises(ValueError, match="needs a mesh of the axis 'data' alone"):
        getattr(parallel, function)(algorithm(), *arguments)
