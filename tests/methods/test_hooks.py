"""What a recipe may add to the two-player game, on linear nets, against closed forms."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import Net, compile_game, losses, penalties, priors, prng
from gan_jax.methods.recipe import Augmentation
from gan_jax.methods.terms import Remembering, Term, latent_movement
from gan_jax.methods.two_player import DISCRIMINATOR, GENERATOR, two_player
from gan_jax.minibatch import latent_optimisation
from gan_jax.types import Outputs

BATCH = 6
W, B = np.array([1.0, 2.0], np.float32), np.array([0.3, -0.2], np.float32)


def shift() -> Net:
    """z + b."""
    return Net(
        lambda key: ({"b": jnp.asarray(B)}, {}),
        lambda params, stats, z, train: (z + params["b"][None], {}),
    )


def linear(outputs=lambda logits, x: logits) -> Net:
    """w . x."""
    return Net(
        lambda key: ({"w": jnp.asarray(W)}, {}),
        lambda params, stats, x, train: (outputs(x @ params["w"], x), {}),
    )


STILL = optax.sgd(0.0)


def run(steps=1, discriminator=None, d_tx=STILL, **options):
    game = two_player(
        generator=shift(),
        discriminator=discriminator or linear(),
        loss=losses.wasserstein,
        prior=priors.normal(2),
        g_tx=optax.sgd(1.0),
        d_tx=d_tx,
        **options,
    )
    algorithm = compile_game(game)
    state, step = algorithm.init(jax.random.key(0)), jax.jit(algorithm.step)
    for _ in range(steps):
        state, metrics = step(state, {"image": REAL[None]})
    return state, metrics


REAL = jax.random.normal(jax.random.key(9), (BATCH, 2))


def latents(phase):
    run_key = prng.fold_name(jax.random.key(0), "run")
    key = prng.fold_name(jax.random.fold_in(run_key, 0), phase)
    keys = prng.fold_rows(jax.random.fold_in(key, 0), jnp.arange(BATCH))
    return np.asarray(prng.draw(prng.stream(keys, "latent"), priors.normal(2)))


def moved_by(state):
    """The generator's gradient."""
    return B - np.asarray(state.players[GENERATOR].params[GENERATOR]["b"])


@pytest.mark.parametrize("steps", [1, 3])
def test_the_generator_looks_through_updates_from_the_optimizers_own_state(steps):
    rate, momentum = 0.1, 0.5
    state, metrics = run(d_tx=optax.sgd(rate, momentum), unroll=steps)
    real = np.asarray(REAL).mean(0)
    # The critic's gradient is the difference of means, whatever its weights.
    trace = latents("disc").mean(0) + B - real
    now = ahead = W - rate * trace
    fake = latents("gen").mean(0) + B
    passed, through = 0.0, 0.0
    for _ in range(steps):
        trace = fake - real + momentum * trace
        ahead = ahead - rate * trace
        passed = 1.0 + momentum * passed
        through += rate * passed
    np.testing.assert_allclose(
        metrics["gen/fake_logits"], fake @ ahead, rtol=1e-5, atol=1e-6
    )
    # The loss is -fake . ahead(fake); the second term is the look ahead's own.
    np.testing.assert_allclose(moved_by(state), -ahead + through * fake, rtol=1e-5)
    np.testing.assert_allclose(
        state.players[DISCRIMINATOR].params[DISCRIMINATOR]["w"], now, rtol=1e-6
    )


def test_a_weight_may_follow_the_images_seen():
    terms = {"drift": (lambda images: 0.5 * images, penalties.drift())}
    _, metrics = run(steps=3, d_terms=terms)
    added = metrics["disc/loss"] - metrics["disc/adversarial"]
    # The third step has seen two batches.
    np.testing.assert_allclose(added, BATCH * metrics["disc/drift"], rtol=1e-4)
    assert float(metrics["disc/drift"]) > 0.1


def test_weights_of_fakes_scale_gradients_and_leave_values():
    weights = jnp.arange(BATCH, dtype=jnp.float32)
    state, metrics = run(weigh_fakes=lambda logits, images: weights)
    logits = (latents("gen") + B) @ W
    np.testing.assert_allclose(metrics["gen/loss"], -logits.mean(), rtol=1e-5)
    np.testing.assert_allclose(moved_by(state), -W * np.mean(weights), rtol=1e-5)


def test_latents_move_along_the_natural_gradient():
    rate, damping = 0.9, 5.0
    step = rate * W / (damping + W @ W)
    terms = {"movement": (300.0, latent_movement())}
    _, metrics = run(improve_latents=latent_optimisation(rate, damping), g_terms=terms)
    for phase in ("disc", "gen"):
        expected = (latents(phase) + step + B) @ W
        np.testing.assert_allclose(
            metrics[f"{phase}/fake_logits"], expected.mean(), rtol=1e-5
        )
    np.testing.assert_allclose(metrics["gen/movement"], step @ step, rtol=1e-5)


def test_optimised_latents_stay_in_their_box():
    improve = latent_optimisation(100.0, 1.0, bound=1.0)
    z = improve(lambda z: z @ jnp.asarray(W), jnp.zeros((3, 2)))
    np.testing.assert_array_equal(z, np.ones((3, 2)))


def test_terms_remember_by_phase():
    def count(turn, memory):
        return memory["calls"], {"calls": memory["calls"] + 1.0, "like": memory["like"]}

    term = Remembering(
        lambda params: {
            "calls": jnp.zeros(()),
            "like": jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), params),
        },
        count,
    )
    state, metrics = run(3, d_terms={"n": (1.0, term)}, g_terms={"n": (1.0, term, 2)})
    assert float(metrics["disc/n"]) == 2.0
    assert float(state.memory["disc_n"]["calls"]) == 3.0
    assert float(state.memory["gen_n"]["calls"]) == 2.0
    assert jax.tree.map(jnp.shape, state.memory["gen_n"]["like"]) == {"b": (2,)}
    assert jax.tree.map(jnp.shape, state.memory["disc_n"]["like"]) == {"w": (2,)}


def test_augmentation_sees_both_sides_and_its_memory():
    augment = Augmentation(
        lambda keys, real, fake, memory, images: (real + memory, fake - memory),
        jnp.float32(0.5),
        lambda memory, real_logits, images: memory + images,
    )
    state, metrics = run(2, augment=augment)
    assert float(state.memory["augment"]) == 0.5 + 2 * BATCH
    real = (np.asarray(REAL) + 0.5 + BATCH) @ W
    np.testing.assert_allclose(metrics["disc/real_logits"], real.mean(), rtol=1e-5)


def test_further_outputs_of_the_discriminator_reach_terms():
    heads = linear(lambda logits, x: Outputs(logits, features=x, classes=2.0 * x))
    seen = Term(lambda turn: jnp.sum(turn.fake_outputs.classes - turn.fake))
    for joint in (False, True):
        _, metrics = run(
            discriminator=heads, d_terms={"s": (1.0, seen)}, joint_forward=joint
        )
        fake = latents("disc") + B
        np.testing.assert_allclose(metrics["disc/s"], fake.sum(), rtol=1e-4)
        np.testing.assert_allclose(
            metrics["disc/fake_logits"], (fake @ W).mean(), rtol=1e-5
        )
