"""Windows of metrics, rules that watch, samplers, scorers and what they are given."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import guards, observe, prng
from gan_jax.config import default_config
from gan_jax.engine import Algorithm
from gan_jax.metrics.features import thumbnails
from gan_jax.state import GameState, PlayerState

# Windows.


def filled(*metrics):
    window = observe.Window({})
    for values in metrics:
        window.add(values)
    return window


def test_a_line_is_the_mean_since_the_last_one():
    window = filled({"a": 1.0, "b": -2.0}, {"a": 2.0, "b": 4.0}, {"a": 6.0, "b": 1.0})
    assert not window.empty
    assert window.close() == {"a": 3.0, "b": 1.0}
    assert window.empty
    window.add({"a": 5.0, "b": 7.0})
    assert window.close() == {"a": 5.0, "b": 7.0}


def test_lazy_phases_count_the_steps_on_which_they_ran():
    run = {"r1/loss": 6.0, "r1/grad_norm": 2.0, "r1/ran": 1.0, "r1_other/loss": 4.0}
    skipped = {"r1/loss": 0.0, "r1/grad_norm": 0.0, "r1/ran": 0.0, "r1_other/loss": 2.0}
    window = filled(run, skipped, skipped, skipped)
    assert window.close() == {"r1/loss": 6.0, "r1/grad_norm": 2.0, "r1_other/loss": 2.5}
    assert filled(skipped, skipped).close() == {"r1_other/loss": 2.0}


def test_a_window_goes_on_where_another_was_left():
    values = [{"a": 0.1 * n, "b": 1.0 / (n + 1)} for n in range(7)]
    first = filled(*values[:3])
    second = observe.Window(first.memory())
    for value in values[3:]:
        second.add(value)
    assert second.close() == filled(*values).close()
    assert observe.Window(filled().memory()).empty


def test_a_window_knows_whether_all_is_finite():
    assert filled().finite
    assert filled({"a": 1.0}, {"a": 1e300}).finite
    assert not filled({"a": 1.0, "b": 1.0}, {"a": float("nan"), "b": 1.0}).finite
    assert not filled({"a": float("inf")}, {"a": 1.0}).finite


# Rules.


def watch(action, *rules, **changes):
    config = default_config()
    config.guards.action = action
    for name, value in changes.items():
        config.log[name] = value
    session = SimpleNamespace(config=config, rules=rules, abstract=STATE)
    return observe.Watch(session)


PARAMS = {
    "net": {"conv": {"kernel": jnp.ones((3, 3, 2, 4)), "bias": jnp.ones(4)}},
    "head": {"w": jnp.diag(jnp.array([2.0, 5.0])), "scale": jnp.float32(3.0)},
}
PLAYER = PlayerState(params=PARAMS, stats={}, transform=(), opt=(), ema=())
STATE = GameState(jnp.int32(7), jax.random.key(0), {"p": PLAYER}, {})


def test_what_follows_from_a_verdict():
    bad = {"a": float("inf"), "b": 1.0}
    message = "step 1,200: not finite: a = inf"
    with pytest.raises(observe.Trouble) as caught:
        watch("stop", guards.non_finite())(1200, bad)
    assert str(caught.value) == f"stopped by the rule 'non_finite' at {message}"
    with pytest.raises(observe.Rollback) as caught:
        watch("rollback", guards.non_finite())(1200, bad)
    assert str(caught.value) == message


def test_a_report_is_a_warning(caplog):
    rule = guards.sample_diversity(minimum=0.5, patience=2)
    seen = watch("report", rule, guards.non_finite())
    seen(1, {"sample_diversity": 0.1})
    assert caplog.messages == []
    assert seen.memory["sample_diversity"] == {"sample_diversity": 1}
    seen(2, {"sample_diversity": 0.2, "x": float("nan")})
    assert caplog.messages == [
        "step 2: sample_diversity is 0.2 (minimum 0.5), 2 looks in a row",
        "step 2: not finite: x = nan",
    ]


def test_rules_that_watch_nothing_are_introduced_once(caplog):
    rules = (guards.spectrum_growth(), guards.logit_margin(), guards.non_finite())
    seen = watch("report", *rules)
    seen.introduce(["disc/loss"])
    seen.introduce(["disc/loss"])
    assert caplog.messages == [
        "the guard rule 'logit_margin' watches nothing that this run measures"
    ]
    caplog.clear()
    watch("report", *rules, spectrum_every=0).introduce(["d/real_logits"])
    assert caplog.messages == [
        "the guard rule 'spectrum_growth' watches nothing that this run measures"
    ]


# Numbers of a state.


def test_spectra_and_norms_of_every_net():
    spectrum = observe.spectrum(STATE)
    assert spectrum.keys() == {
        "spectrum/net/conv/kernel",
        "spectrum_2/net/conv/kernel",
        "spectrum_3/net/conv/kernel",
        "spectrum/head/w",
        "spectrum_2/head/w",
    }
    assert float(spectrum["spectrum_2/head/w"]) == pytest.approx(2.0, rel=1e-6)
    assert abs(float(spectrum["spectrum_3/net/conv/kernel"])) < 1e-5
    assert float(spectrum["spectrum/head/w"]) == pytest.approx(5.0, rel=1e-6)
    ones = np.sqrt(18 * 4)  # of a matrix of rank one
    assert float(spectrum["spectrum/net/conv/kernel"]) == pytest.approx(ones, rel=1e-5)
    norms = observe.norms(STATE)
    assert norms.keys() == {"param_norm/net", "param_norm/head"}
    assert float(norms["param_norm/net"]) == pytest.approx(np.sqrt(76.0), rel=1e-6)
    assert float(norms["param_norm/head"]) == pytest.approx(np.sqrt(38.0), rel=1e-6)


# Samples.


def shifted(state, key, n, labels=None):
    """Samples that tell their latents, state and label."""
    noise = jax.vmap(lambda k: jax.random.normal(k, (2,)))(prng.per_example(key, n))
    label = jnp.zeros((n, 1)) if labels is None else labels[:, None].astype(jnp.float32)
    return jnp.concatenate([noise + state, label], axis=1)


ALGORITHM = Algorithm(None, None, shifted)


def test_rows_do_not_depend_on_how_they_are_cut(monkeypatch):
    monkeypatch.setattr(observe, "SAMPLE_BATCH", 4)
    key, state = jax.random.key(5), jnp.float32(10.0)
    draw = observe.make_sampler(ALGORITHM, key, 3).draw
    images, labels = draw(state, 11, 0)
    rows = jnp.arange(11)
    np.testing.assert_array_equal(labels, np.arange(11) % 3)
    assert labels.dtype == np.int32
    expected = shifted(state, prng.fold_rows(key, rows), 11, rows % 3)
    np.testing.assert_array_equal(images, expected)
    later, later_labels = draw(state, 6, 5)
    np.testing.assert_array_equal(later, images[5:])
    np.testing.assert_array_equal(later_labels, labels[5:])


def test_one_label_or_none():
    key, state = jax.random.key(5), jnp.float32(0.0)
    images, labels = observe.make_sampler(ALGORITHM, key, 3, label=2).draw(state, 5, 0)
    np.testing.assert_array_equal(images[:, 2], np.full(5, 2.0))
    np.testing.assert_array_equal(labels, np.full(5, 2))
    images, labels = observe.make_sampler(ALGORITHM, key, None).draw(state, 5, 0)
    assert labels is None
    np.testing.assert_array_equal(images[:, 2], np.zeros(5))


# Scores.


def score(samples, labels=None):
    config = default_config()
    config.score.samples, config.samples.count = len(samples), 3
    given = []

    def draw(state, n, offset):
        assert (n, offset) == (len(samples), 3)  # not the latents of the pictures
        return samples, labels

    def scorer(*arguments):
        given.append(arguments)
        return {"x": 1.0}

    session = SimpleNamespace(config=config)
    return observe.score(session, observe.Sampler(draw), scorer, STATE), given


def test_images_are_scored_as_pixels_and_points_as_they_are():
    images = np.linspace(-1.0, 1.0, 8, dtype=np.float32).reshape(2, 2, 2, 1)
    found, ((pixels, labels),) = score(images, np.array([3, 1], np.int32))
    assert found == {"x": 1.0}
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels.reshape(-1), [0, 36, 73, 109, 146, 182, 219, 255])
    np.testing.assert_array_equal(labels, [3, 1])
    points = np.array([[0.5, -7.0], [3.0, 2.0]], np.float32)
    _, ((given, _),) = score(points)
    assert given is points


def test_samples_that_are_not_finite_have_no_score(caplog):
    assert score(np.array([[1.0, np.nan], [0.0, 0.0]])) == ({}, [])
    assert caplog.messages == ["step 7: samples are not finite, they get no score"]


@pytest.mark.parametrize(
    ("source", "classifier"),
    [
        ("builtin:mnist", "mnist"),
        ("builtin:mnist:test", "mnist"),
        ("builtin:emoji_google", "emoji"),
        ("builtin:emoji_twitter", "emoji"),
        ("npz:some/file.npz", None),
        ("folder:mnist", None),
    ],
)
def test_built_in_images_are_scored_by_their_classifier(
    source, classifier, monkeypatch, tmp_path
):
    asked = []

    def load_classifier(name):
        asked.append(name)
        return thumbnails(2)

    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path))
    monkeypatch.setattr(observe, "load_classifier", load_classifier)
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1), dtype=np.uint8)
    scorer = observe.make_scorer(source, images)
    assert asked == ([] if classifier is None else [classifier])
    assert scorer.name == ("pixels_8x8" if classifier is None else "pixels_2x2")


def test_points_of_known_modes():
    points = np.array([[2.0, 0.0], [0.0, 2.0], [0.0, 0.0], [2.01, 0.0]], np.float32)
    ring = observe.make_scorer("synthetic:ring", points)(points)
    assert ring["modes_found/coordinates"] == 2.0
    assert ring["high_quality_share/coordinates"] == 0.75
    grid = observe.make_scorer("synthetic:grid:test", points)(points)
    assert grid["modes_found/coordinates"] == 3.0
    other = observe.make_scorer("npz:points.npz", points)(points)
    assert other.keys() == {"frechet_distance/coordinates"}
    assert other["frechet_distance/coordinates"] == pytest.approx(0.0, abs=1e-9)


# Looks.


def look(images):
    config = default_config()
    config.samples.count, config.samples.columns = len(images), 2
    session = SimpleNamespace(config=config)
    return observe.look(session, observe.Sampler(lambda *a: (images, None)), None)


def test_a_look_at_images():
    images = np.stack([np.full((4, 4, 1), v, np.float32) for v in (-1.0, 0.0, 1.0)])
    found = look(images)
    assert found.diversity == pytest.approx((1.0 + 2.0 + 1.0) / 3.0, rel=1e-6)
    assert found.picture.shape == (2 * 4 + 3 * 2, 2 * 4 + 3 * 2, 1)
    corners = [found.picture[2, 2, 0], found.picture[2, 8, 0], found.picture[8, 2, 0]]
    assert corners == [0, 128, 255]


def test_points_of_three_dimensions_have_no_picture():
    found = look(np.eye(3, dtype=np.float32))
    assert found.picture is None
    assert found.diversity == pytest.approx(np.sqrt(2.0 / 3.0), rel=1e-6)
