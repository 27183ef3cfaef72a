"""The two-player game on linear nets, against numbers computed by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import Net, ParamPenalty, compile_game, losses, penalties, priors, prng
from gan_jax.methods.terms import Term, Weighted
from gan_jax.methods.two_player import DISCRIMINATOR, GENERATOR, two_player

BATCH = 6


def affine(dim: int, *, scale: float, conditional: bool = False) -> Net:
    """`w * z + b` per coordinate for the generator; labels add to it."""

    def init(key):
        del key
        weights = {"w": jnp.full((dim,), scale), "b": jnp.zeros((dim,))}
        return weights, {"calls": jnp.zeros(())}

    def apply(params, stats, z, y=None, *, train):
        out = params["w"][None] * z + params["b"][None]
        if conditional:
            out = out + y.astype(jnp.float32)[:, None]
        return out, {"calls": stats["calls"] + (1.0 if train else 0.0)}

    return Net(init, apply)


def linear_critic(dim: int, *, conditional: bool = False) -> Net:
    def init(key):
        del key
        weights = {"w": jnp.arange(1.0, dim + 1.0), "c": jnp.float32(0.5)}
        return weights, {"rows": jnp.zeros(())}

    def apply(params, stats, x, y=None, *, train):
        logits = x @ params["w"] + params["c"]
        if conditional:
            logits = logits * y.astype(jnp.float32)
        return logits, {"rows": stats["rows"] + (float(x.shape[0]) if train else 0.0)}

    return Net(init, apply)


def make(**options):
    base = {
        "generator": affine(2, scale=2.0),
        "discriminator": linear_critic(2),
        "loss": losses.wasserstein,
        "prior": priors.normal(2),
        "g_tx": optax.sgd(0.1),
        "d_tx": optax.sgd(0.1),
    }
    return two_player(**(base | options))


def data(rounds=1, **extra):
    image = jax.random.normal(jax.random.key(9), (rounds, BATCH, 2))
    return {"image": image} | extra


def latents(phase, repeat=0):
    """The latents of step 0, by the rule that `prng` documents."""
    run = prng.fold_name(jax.random.key(0), "run")
    key = prng.fold_name(jax.random.fold_in(run, 0), phase)
    keys = prng.fold_rows(jax.random.fold_in(key, repeat), jnp.arange(BATCH))
    return prng.draw(prng.stream(keys, "latent"), priors.normal(2))


def step(game, batch):
    algorithm = compile_game(game)
    state = algorithm.init(jax.random.key(0))
    return jax.jit(algorithm.step)(state, batch)


@pytest.mark.parametrize("joint", [False, True])
def test_a_step_of_the_wasserstein_game(joint):
    batch = data()
    state, metrics = step(make(joint_forward=joint), batch)
    real = np.asarray(batch["image"][0])
    fake = 2.0 * np.asarray(latents("disc"))
    w = np.array([1.0, 2.0])
    estimate = (fake @ w).mean() - (real @ w).mean()
    np.testing.assert_allclose(metrics["disc/loss"], estimate, rtol=1e-5)
    np.testing.assert_allclose(
        metrics["disc/real_logits"], (real @ w).mean() + 0.5, rtol=1e-5
    )
    moved = w - 0.1 * (fake.mean(0) - real.mean(0))
    critic = state.players[DISCRIMINATOR]
    np.testing.assert_allclose(critic.params[DISCRIMINATOR]["w"], moved, rtol=1e-5)
    # Both ways the critic saw 2 * BATCH rows in its own phase, and none count in G's.
    assert float(critic.stats[DISCRIMINATOR]["rows"]) == 2 * BATCH
    z = np.asarray(latents("gen"))
    generator = state.players[GENERATOR].params[GENERATOR]
    np.testing.assert_allclose(generator["w"], 2.0 + 0.1 * moved * z.mean(0), rtol=1e-5)
    np.testing.assert_allclose(generator["b"], 0.1 * moved, rtol=1e-5)
    assert float(state.players[GENERATOR].stats[GENERATOR]["calls"]) == 1.0


def test_critic_steps_have_fresh_data_and_latents():
    batch = data(rounds=3)
    state, _ = step(make(d_steps=3), batch)
    w = np.array([1.0, 2.0])
    for i in range(3):
        fake = 2.0 * np.asarray(latents("disc", i))
        w = w - 0.1 * (fake.mean(0) - np.asarray(batch["image"][i]).mean(0))
    moved = state.players[DISCRIMINATOR].params[DISCRIMINATOR]["w"]
    np.testing.assert_allclose(moved, w, rtol=1e-5)


def test_terms_are_weighted_added_and_logged_under_their_names():
    norm = ParamPenalty(lambda params: jnp.sum(params["w"] ** 2))
    spread = Term(lambda turn: jnp.mean(turn.real_logits - turn.fake_logits))
    terms = {
        "gp": (10.0, penalties.gradient_penalty()),
        "norm": Weighted(0.5, norm),
        "spread": (2.0, spread),
    }
    _, metrics = step(make(d_terms=terms), data())
    np.testing.assert_allclose(metrics["disc/gp"], (np.sqrt(5.0) - 1.0) ** 2, rtol=1e-5)
    np.testing.assert_allclose(metrics["disc/norm"], 5.0, rtol=1e-6)
    np.testing.assert_allclose(
        metrics["disc/spread"], -metrics["disc/adversarial"], rtol=1e-5
    )
    total = (
        metrics["disc/adversarial"]
        + 10.0 * metrics["disc/gp"]
        + 0.5 * metrics["disc/norm"]
        + 2.0 * metrics["disc/spread"]
    )
    np.testing.assert_allclose(metrics["disc/loss"], total, rtol=1e-5)


def test_generator_terms_see_raw_parameters():
    size = ParamPenalty(lambda params: jnp.sum(params["w"]))
    _, metrics = step(make(g_terms={"size": (1.0, size)}), data())
    np.testing.assert_allclose(metrics["gen/size"], 4.0, rtol=1e-6)


def test_lazy_terms_have_a_phase_of_their_own():
    game = make(d_terms={"r1": Weighted(0.5, penalties.r1(), 4)}, d_steps=2)
    assert [(p.name, p.repeat, p.every) for p in game.phases] == [
        ("disc", 2, 1),
        ("disc_r1", 1, 4),
        ("gen", 1, 1),
    ]
    _, metrics = step(game, data(rounds=2))
    # R1 of a linear critic: half its squared slope, after two critic steps.
    assert float(metrics["disc_r1/ran"]) == 1.0
    slope = metrics["disc_r1/grad_norm"] / (0.5 * 4.0)
    np.testing.assert_allclose(
        metrics["disc_r1/r1"], 0.5 * np.asarray(slope) ** 2, rtol=1e-5
    )


def test_more_fakes_per_real_average_over_more_latents():
    algorithm = compile_game(make(fakes_per_real=3, d_tx=optax.sgd(0.0)))
    state = algorithm.init(jax.random.key(0))
    after, metrics = jax.jit(algorithm.step)(state, data())
    mean_z = (after.players[GENERATOR].params[GENERATOR]["w"] - 2.0) / (
        0.1 * jnp.array([1.0, 2.0])
    )
    fake_logit = 2.0 * mean_z @ jnp.array([1.0, 2.0]) + 0.5
    np.testing.assert_allclose(metrics["gen/fake_logits"], fake_logit, rtol=1e-4)
    plain = np.asarray(latents("gen")).mean(0)
    assert np.abs(np.asarray(mean_z) - plain).max() > 1e-3


def test_conditional_fakes_take_the_labels_of_the_reals():
    labels = jnp.arange(BATCH, dtype=jnp.int32)[None] % 3
    game = make(
        generator=affine(2, scale=0.0, conditional=True),
        discriminator=linear_critic(2, conditional=True),
        num_classes=3,
    )
    _, metrics = step(game, data(label=labels))
    y = np.arange(BATCH) % 3
    expected = np.mean((3.0 * y + 0.5) * y)
    np.testing.assert_allclose(metrics["disc/fake_logits"], expected, rtol=1e-5)


def test_samples_cycle_through_the_classes_or_take_the_asked_ones():
    game = make(generator=affine(2, scale=0.0, conditional=True), num_classes=3)
    algorithm = compile_game(game)
    state = algorithm.init(jax.random.key(0))
    rows = algorithm.sample(state, jax.random.key(1), 5)
    np.testing.assert_allclose(rows[:, 0], [0.0, 1.0, 2.0, 0.0, 1.0])
    asked = algorithm.sample(state, jax.random.key(1), 2, jnp.array([2, 2]))
    np.testing.assert_allclose(asked[:, 0], [2.0, 2.0])


def test_uint8_images_are_mapped_to_the_unit_interval():
    image = jnp.array([0, 255], jnp.uint8).reshape(1, 1, 2)
    image = jnp.tile(image, (1, BATCH, 1))
    _, metrics = step(make(), {"image": image})
    np.testing.assert_allclose(metrics["disc/real_logits"], -1.0 + 2.0 + 0.5, rtol=1e-6)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: make(d_terms={"x": (1.0, 2.0)}), "d_terms\\['x'\\] must be"),
        (lambda: make(d_steps=0), "must be at least 1"),
        (lambda: step(make(num_classes=3), data()), "the batch has no 'label'"),
        (
            lambda: compile_game(make()).sample(
                compile_game(make()).init(jax.random.key(0)),
                jax.random.key(1),
                2,
                jnp.array([0, 1]),
            ),
            "labels were given to an unconditional model",
        ),
    ],
)
def test_mistakes_are_named(act, message):
    with pytest.raises(ValueError, match=message):
        act()
