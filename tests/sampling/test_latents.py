"""What samplers have in common."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import priors, prng, sampling
from gan_jax.sampling.latents import score_of, try_keys

KEY = jax.random.key(0)


def test_prior_sampler_is_the_prior_of_every_key():
    draws = sampling.prior_sampler(priors.uniform(3))(KEY, 4)
    keys = prng.per_example(KEY, 4)
    np.testing.assert_array_equal(draws.latents, [priors.uniform(3)(k) for k in keys])
    assert draws.accepted.all()
    np.testing.assert_array_equal(draws.tries, [1, 1, 1, 1])


def test_score_of_is_the_critic_of_what_is_generated():
    score = score_of(lambda z: {"x": 2.0 * z}, lambda x: jnp.bfloat16(x["x"].sum(axis=1)))
    logits = score(jnp.float32([[1.0, 2.0], [3.0, 4.5]]))
    assert logits.dtype == jnp.float32
    np.testing.assert_array_equal(logits, [6.0, 15.0])


def test_try_keys_differ_between_samples_and_tries():
    keys = prng.per_example(KEY, 3)
    data = [jax.random.key_data(try_keys(keys, jnp.int32(t))) for t in (0, 1)]
    rows = np.concatenate(data)
    assert len(np.unique(rows, axis=0)) == 6
    each = try_keys(keys, jnp.int32([1, 1, 1]))
    np.testing.assert_array_equal(jax.random.key_data(each), data[1])
