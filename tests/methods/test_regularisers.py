"""Regularisers and augmentations as parts of a game, on the Dirac-GAN and linear nets."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import Net, augment, compile_game, losses
from gan_jax.methods import augmented, regularisers
from gan_jax.methods.two_player import DISCRIMINATOR, GENERATOR, two_player
from gan_jax.types import Outputs

THETA, PSI, GAMMA, RATE, BATCH = 0.7, -0.4, 0.5, 0.1, 4


def dirac(steps=1, spread=0.0, **options):
    """A point theta (plus spread times z) against psi x; the data lie at 0."""
    point = Net(
        lambda key: ({"theta": jnp.full((1,), THETA)}, {}),
        lambda params, stats, z, train: (spread * z + params["theta"][None], {}),
    )
    line = Net(
        lambda key: ({"psi": jnp.full((1,), PSI)}, {}),
        lambda params, stats, x, train: (x @ params["psi"], {}),
    )
    game = two_player(
        generator=point,
        discriminator=line,
        loss=losses.wasserstein,
        prior=lambda key: jax.random.normal(key, (1,)),
        g_tx=optax.sgd(RATE),
        d_tx=optax.sgd(RATE),
        **options,
    )
    algorithm = compile_game(game)
    state, step = algorithm.init(jax.random.key(0)), jax.jit(algorithm.step)
    for _ in range(steps):
        state, metrics = step(state, {"image": jnp.zeros((1, BATCH, 1))})
    return state, metrics


def values(state):
    psi = state.players[DISCRIMINATOR].params[DISCRIMINATOR]["psi"]
    theta = state.players[GENERATOR].params[GENERATOR]["theta"]
    return float(psi[0]), float(theta[0])


def test_consensus_pulls_both_players_in():
    term = (GAMMA, regularisers.consensus())
    state, metrics = dirac(d_terms={"consensus": term}, g_terms={"consensus": term})
    # v = (theta, -psi), so 1/2 ||v||^2 = (theta^2 + psi^2) / 2.
    np.testing.assert_allclose(
        metrics["disc/consensus"], (THETA**2 + PSI**2) / 2, rtol=1e-6
    )
    psi = PSI - RATE * (THETA + GAMMA * PSI)
    theta = THETA - RATE * (-psi + GAMMA * THETA)
    np.testing.assert_allclose(values(state), (psi, theta), rtol=1e-6)


def test_lecam_remembers_the_logits_of_both_sides():
    term = (1.0, regularisers.lecam(start=0))
    state, metrics = dirac(d_terms={"lecam": term})
    averages = state.memory["disc_lecam"]
    np.testing.assert_allclose(averages.fake, 0.01 * PSI * THETA, rtol=1e-5)
    assert int(averages.updates) == 1
    logit, average = PSI * THETA, 0.01 * PSI * THETA
    np.testing.assert_allclose(metrics["disc/lecam"], average**2 + logit**2, rtol=1e-5)


def test_history_is_that_of_the_player_that_moves():
    terms = {"history": (1.0, regularisers.historical_averaging())}
    state, metrics = dirac(2, g_terms=terms)
    _, after_one = values(dirac(1, g_terms=terms)[0])
    np.testing.assert_allclose(metrics["gen/history"], (after_one - THETA) ** 2, rtol=1e-5)
    mean = state.memory["gen_history"].mean["theta"]
    np.testing.assert_allclose(mean, [(THETA + after_one) / 2], rtol=1e-6)


def test_latent_consistency_has_two_sides():
    term = regularisers.latent_consistency(noise_scale=0.1)
    _, metrics = dirac(
        spread=2.0, d_terms={"zcr": (1.0, term)}, g_terms={"zcr": (0.0, term)}
    )
    psi, _ = values(dirac(spread=2.0, d_terms={"zcr": (1.0, term)})[0])
    assert psi != PSI
    # The image moves by 2 d, the logit by 2 psi d, for d ~ N(0, 0.1^2) per row.
    assert 0.0 < float(metrics["disc/zcr"]) < (2.0 * PSI) ** 2 * 0.1
    assert -4.0 * 0.1 < float(metrics["gen/zcr"]) < 0.0


def test_path_length_follows_the_latents():
    image = Net(
        lambda key: ({"scale": jnp.float32(3.0)}, {}),
        lambda params, stats, z, train: (
            params["scale"] * z[:, None, None, :] * jnp.ones((1, 2, 2, 1)), {}
        ),
    )  # fmt: skip
    flat = Net(
        lambda key: ({"w": jnp.float32(1.0)}, {}),
        lambda params, stats, x, train: (params["w"] * x.sum((1, 2, 3)), {}),
    )
    game = two_player(
        generator=image,
        discriminator=flat,
        prior=lambda key: jax.random.normal(key, (1,)),
        g_terms={"path": (1.0, regularisers.path_length(decay=1.0))},
    )
    algorithm = compile_game(game)
    state, metrics = jax.jit(algorithm.step)(
        algorithm.init(jax.random.key(0)), {"image": jnp.zeros((1, 512, 2, 2, 1))}
    )
    # J' y = 3 * sum of four normals / 2 = 3 n with n ~ N(0, 1): E|3 n| = 3 sqrt(2 / pi).
    np.testing.assert_allclose(state.memory["gen_path"], 3 * np.sqrt(2 / np.pi), rtol=0.1)
    variance = 9.0 * (1.0 - 2.0 / np.pi)
    np.testing.assert_allclose(metrics["gen/path"], variance, rtol=0.25)


def test_noise_is_annealed_in_images_seen():
    hook = augmented.noisy(lambda images: jnp.where(images < BATCH, 1.0, 0.0))
    _, first = dirac(1, augment=hook)
    _, second = dirac(2, augment=hook)
    assert float(first["disc/real_logits"]) != 0.0
    assert float(second["disc/real_logits"]) == 0.0


def test_adaptive_augmentation_steers_its_probability():
    control = augment.controller(target=-2.0, interval=1, kimg=0.01)
    hook = augmented.adaptive(lambda keys, images, p: images + p, control)
    state, metrics = dirac(2, augment=hook)
    # Signs are never below the target: p rises by 4 images of 10 in every step.
    np.testing.assert_allclose(state.memory["augment"].p, 0.8, rtol=1e-6)
    np.testing.assert_allclose(metrics["disc/augment_p"], 0.8, rtol=1e-6)
    psi, _ = values(dirac(1, augment=hook)[0])
    np.testing.assert_allclose(metrics["disc/real_logits"], 0.4 * psi, rtol=1e-5)


def test_pseudo_augmentation_swaps_real_for_generated():
    control = augment.controller(start=1.0, interval=100)
    _, metrics = dirac(augment=augmented.pseudo(control))
    np.testing.assert_allclose(
        metrics["disc/real_logits"], metrics["disc/fake_logits"], rtol=1e-6
    )
    np.testing.assert_allclose(metrics["disc/fake_logits"], PSI * THETA, rtol=1e-6)


def test_both_sides_are_augmented_by_draws_of_their_own():
    hook = augmented.both_sides(
        lambda keys, x: x + jax.vmap(lambda key: jax.random.normal(key, (1,)))(keys)
    )
    _, metrics = dirac(augment=hook)
    real, fake = float(metrics["disc/real_logits"]), float(metrics["disc/fake_logits"])
    assert real != 0.0
    assert abs(fake - PSI * THETA - real) > 1e-3


def test_class_losses_see_the_heads_and_the_labels():
    classes = jnp.array([[2.0, 0.0], [0.0, 1.0]])
    heads = Net(
        lambda key: ({"psi": jnp.full((1,), PSI)}, {}),
        lambda params, stats, x, y, train: (
            Outputs(x @ params["psi"], features=x, classes=classes[y]), {}
        ),
    )  # fmt: skip
    shift = Net(
        lambda key: ({"theta": jnp.full((1,), THETA)}, {}),
        lambda params, stats, z, y, train: (jnp.zeros_like(z) + params["theta"][None], {}),
    )
    term = regularisers.class_term(losses.acgan())
    game = two_player(
        generator=shift,
        discriminator=heads,
        prior=lambda key: jnp.zeros((1,)),
        num_classes=2,
        d_terms={"classes": (1.0, term)},
        g_terms={"classes": (1.0, term), "features": (1.0, FEATURES)},
    )
    algorithm = compile_game(game)
    labels = jnp.array([[0, 1, 1, 1]], jnp.int32)
    batch = {"image": jnp.zeros((1, BATCH, 1)), "label": labels}
    _, metrics = jax.jit(algorithm.step)(algorithm.init(jax.random.key(0)), batch)
    once = (np.log1p(np.exp(-2.0)) + 3 * np.log1p(np.exp(-1.0))) / 4
    np.testing.assert_allclose(metrics["disc/classes"], 2 * once, rtol=1e-5)
    np.testing.assert_allclose(metrics["gen/classes"], once, rtol=1e-5)
    np.testing.assert_allclose(metrics["gen/features"], THETA**2, rtol=1e-5)


FEATURES = regularisers.feature_matching()


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (regularisers.class_term(losses.acgan()), "needs labels: set num_classes"),
        (FEATURES, "a discriminator whose head returns features"),
    ],
)
def test_terms_that_cannot_be_are_refused(terms, message):
    with pytest.raises(ValueError, match=message):
        dirac(d_terms={"term": (1.0, terms)})
