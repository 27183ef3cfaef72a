"""Gradient fields, their Jacobians and the angles of terms, on the Dirac-GAN."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import Net, compile_game, losses, penalties
from gan_jax.analysis import (
    gradient_field,
    jacobian_eigenvalues,
    moving_params,
    term_gradients,
)
from gan_jax.methods.two_player import DISCRIMINATOR, GENERATOR, two_player
from gan_jax.types import ParamPenalty

THETA, PSI, GAMMA = 0.7, -0.4, 0.5
BATCH = {"image": jnp.zeros((1, 4, 1))}


def dirac(**options):
    """A generator that is one point, against a linear critic; the data are at 0."""
    point = Net(
        lambda key: ({"theta": jnp.full((1,), THETA)}, {}),
        lambda params, stats, z, train: (jnp.zeros_like(z) + params["theta"][None], {}),
    )
    line = Net(
        lambda key: ({"psi": jnp.full((1,), PSI)}, {}),
        lambda params, stats, x, train: (x @ params["psi"], {}),
    )
    sgd = optax.sgd(0.1)
    game = two_player(
        generator=point,
        discriminator=line,
        loss=losses.wasserstein,
        prior=lambda key: jnp.zeros((1,)),
        g_tx=sgd,
        d_tx=sgd,
        **options,
    )
    return game, compile_game(game).init(jax.random.key(0))


def test_the_field_is_every_players_own_gradient():
    game, state = dirac(d_terms={"r1": (GAMMA, penalties.r1())})
    field = gradient_field(game, state, BATCH)(moving_params(game, state))
    # L_D = psi theta + gamma / 2 psi^2, L_G = -psi theta.
    psi = field[DISCRIMINATOR][DISCRIMINATOR]["psi"]
    np.testing.assert_allclose(psi, [THETA + GAMMA * PSI], rtol=1e-6)
    np.testing.assert_allclose(field[GENERATOR][GENERATOR]["theta"], [-PSI], rtol=1e-6)


def test_lazy_phases_count_as_often_as_they_weigh():
    game, state = dirac(d_terms={"r1": (GAMMA, penalties.r1(), 4)})
    field = gradient_field(game, state, BATCH)(moving_params(game, state))
    psi = field[DISCRIMINATOR][DISCRIMINATOR]["psi"]
    np.testing.assert_allclose(psi, [THETA + 4 * GAMMA * PSI], rtol=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 3.0])
def test_eigenvalues_of_the_dirac_gan(gamma):
    terms = {"r1": (gamma, penalties.r1())} if gamma else {}
    game, state = dirac(d_terms=terms)
    values = jacobian_eigenvalues(
        gradient_field(game, state, BATCH), moving_params(game, state), jax.random.key(1)
    )
    expected = np.roots([1.0, -gamma, 1.0]).astype(complex)
    np.testing.assert_allclose(
        np.sort_complex(values), np.sort_complex(expected), atol=1e-5
    )


def test_arnoldi_finds_the_spectrum_of_a_matrix():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(12, 12)).astype(np.float32)
    params = {"a": {"x": jnp.zeros((3, 2))}, "b": {"y": jnp.zeros((6,))}}

    def field(params):
        flat = jnp.concatenate([params["a"]["x"].reshape(-1), params["b"]["y"]])
        image = jnp.asarray(matrix) @ flat
        return {"a": {"x": image[:6].reshape(3, 2)}, "b": {"y": image[6:]}}

    values = jacobian_eigenvalues(field, params, jax.random.key(0), iterations=50)
    exact = np.linalg.eigvals(matrix.astype(np.float64))
    np.testing.assert_allclose(np.sort_complex(values), np.sort_complex(exact), atol=1e-4)


def test_arnoldi_stops_at_an_invariant_space():
    def twice(params):
        return {"a": jax.tree.map(lambda leaf: 2.0 * leaf, params["a"])}

    values = jacobian_eigenvalues(twice, {"a": jnp.zeros((5,))}, jax.random.key(0))
    np.testing.assert_allclose(values, [2.0], rtol=1e-6)


def test_iterations_below_one_are_refused():
    with pytest.raises(ValueError, match="iterations must be at least 1"):
        jacobian_eigenvalues(lambda p: p, {}, jax.random.key(0), iterations=0)


def test_terms_pull_with_their_own_gradients():
    size = ParamPenalty(lambda params: jnp.sum(params["psi"] ** 2))
    terms = {"r1": (GAMMA, penalties.r1()), "size": (1.0, size, 2)}
    game, state = dirac(d_terms=terms)
    pulls = term_gradients(game, state, BATCH, DISCRIMINATOR)
    norms = dict(zip(pulls.names, np.asarray(pulls.norms), strict=True))
    assert norms.keys() == {"disc/adversarial", "disc/r1", "disc_size/size"}
    np.testing.assert_allclose(norms["disc/adversarial"], THETA, rtol=1e-6)
    np.testing.assert_allclose(norms["disc/r1"], -PSI, rtol=1e-6)
    np.testing.assert_allclose(norms["disc_size/size"], -2 * PSI, rtol=1e-6)
    # One parameter: the adversarial term pushes against both others.
    signs = [1.0 if name == "disc/adversarial" else -1.0 for name in pulls.names]
    np.testing.assert_allclose(pulls.cosines, np.outer(signs, signs), rtol=1e-6)


def test_a_player_that_never_moves_has_no_terms():
    game, state = dirac()
    with pytest.raises(ValueError, match="no phase moves 'nobody'"):
        term_gradients(game, state, BATCH, "nobody")
