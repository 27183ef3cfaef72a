"""Rules: when each speaks, what it says, and that its memory survives a checkpoint."""

import json
import math

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import guards


def play(rules, looks, state=None):
    """Verdicts of each look; the state goes through JSON, as checkpoints carry it."""
    spoken, state = [], state or {}
    for metrics in looks:
        state, verdicts = guards.evaluate(rules, json.loads(json.dumps(state)), metrics)
        spoken.append([verdict.rule for verdict in verdicts])
    return spoken, state


def test_non_finite_names_the_metrics():
    rule = guards.non_finite()
    metrics = {"g/loss": 1.0, "d/loss": math.nan, "d/grad_norm": -math.inf, "x": 1e300}
    _, (verdict,) = guards.evaluate([rule], {}, metrics)
    assert verdict == guards.Verdict(
        "non_finite", "not finite: d/grad_norm = -inf, d/loss = nan"
    )
    assert guards.evaluate([rule], {}, {"g/loss": 1.0, "x": 1e300})[1] == []


def test_non_finite_shortens_a_long_list_and_obeys_its_patterns():
    metrics = {f"loss_{i}": math.nan for i in range(5)}
    _, (verdict,) = guards.evaluate([guards.non_finite()], {}, metrics)
    assert verdict.message.endswith("loss_2 = nan and 2 more")
    only = guards.non_finite(watches=("loss_4",))
    _, (verdict,) = guards.evaluate([only], {}, metrics)
    assert verdict.message == "not finite: loss_4 = nan"


def margins(*values):
    return [{"d/real_logits": 1.0 + v, "d/fake_logits": 1.0, "d/loss": 9e9} for v in values]


def test_logit_margin_waits_patiently_and_forgives():
    rules = [guards.logit_margin(limit=10.0, patience=2)]
    spoken, _ = play(rules, margins(11, 9, 11, 11, -12, 10, 11))
    fires = ["logit_margin"]
    assert spoken == [[], [], [], fires, fires, [], []]
    _, state = play(rules, margins(11))
    _, (verdict,) = guards.evaluate(rules, state, margins(12)[0])
    assert verdict.message == "logits of d are 12 apart (limit 10), 2 looks in a row"


def test_logit_margin_watches_each_phase_by_itself():
    rules = [guards.logit_margin(limit=10.0, patience=2)]
    other = {"g/real_logits": 20.0, "g/fake_logits": 0.0}
    spoken, state = play(rules, [margins(11)[0], other, margins(11)[0]])
    assert spoken == [[], [], ["logit_margin"]]
    assert state == {"logit_margin": {"g/": 1, "d/": 2}}
    assert play(rules, [{"g/fake_logits": -99.0}] * 3)[0] == [[], [], []]


def test_sample_diversity():
    rules = [guards.sample_diversity(minimum=0.1, patience=3)]
    looks = [{"sample_diversity": v} for v in (0.09, 0.0, 0.1, 0.09, 0.09, 0.09)]
    spoken, state = play(rules, looks)
    assert spoken == [[], [], [], [], [], ["sample_diversity"]]
    _, (verdict,) = guards.evaluate(rules, state, {"sample_diversity": 0.01})
    assert verdict.message == ("sample_diversity is 0.01 (minimum 0.1), 4 looks in a row")


def test_spectrum_growth_compares_with_the_smallest_of_the_window():
    rules = [guards.spectrum_growth(factor=4.0, window=3)]
    values = [100.0, 3.0, 2.0, 7.0, 8.1, 27.0, 28.5, 33.0]
    looks = [{"spectrum/d/a": v, "spectrum/d/b": 1.0, "loss": v} for v in values]
    spoken, state = play(rules, looks)
    fires = ["spectrum_growth"]
    # 8.1 > 4 * 2; 27 > 4 * 2; 28.5 > 4 * 7; 33 > 4 * 8.1.
    assert spoken == [[], [], [], [], fires, fires, fires, fires]
    assert state["spectrum_growth"] == {
        "spectrum/d/a": [27.0, 28.5, 33.0],
        "spectrum/d/b": [1.0, 1.0, 1.0],
    }
    _, (verdict,) = guards.evaluate(rules, state, {"spectrum/d/a": 270.0})
    assert verdict.message == (
        "spectrum/d/a grew 10 times within 3 looks (limit 4; 1 of 1 kernels)"
    )


def test_spectrum_growth_lets_kernels_leave_zero():
    rules = [guards.spectrum_growth(factor=4.0, window=2, floor=0.5)]
    looks = [{"spectrum/k": v} for v in (0.0, 0.0, 1.9, 2.1, math.inf)]
    fires = ["spectrum_growth"]
    assert play(rules, looks)[0] == [[], [], [], fires, fires]


def test_rules_share_nothing_and_states_are_values():
    rules = [factory() for factory in guards.RULES.values()]
    assert [rule.name for rule in rules] == list(guards.RULES)
    looks = margins(60, 60, 60)
    spoken, state = play(rules, looks)
    assert spoken == [[], [], ["logit_margin"]]
    before = json.dumps(state)
    first, again = (guards.evaluate(rules, state, looks[0]) for _ in range(2))
    assert first == again
    assert json.dumps(state) == before
    # Cut anywhere and continued, the run hears the same.
    _, half = play(rules, looks[:1])
    assert play(rules, looks[1:], half)[0] == spoken[1:]


def test_rules_that_watch_nothing_are_named():
    rules = [factory() for factory in guards.RULES.values()]
    assert guards.unwatched(rules, ["d/loss", "spectrum/d/conv"]) == [
        "logit_margin",
        "sample_diversity",
    ]


def test_bad_rules_are_refused():
    with pytest.raises(ValueError, match="unique names"):
        guards.evaluate([guards.non_finite(), guards.non_finite()], {}, {})
    with pytest.raises(ValueError, match="logit_margin: patience must be positive, got 0"):
        guards.logit_margin(patience=0)
    with pytest.raises(ValueError, match="factor must be positive"):
        guards.spectrum_growth(factor=-1.0)


def test_diversity_is_the_mean_rms_difference_over_pairs():
    samples = np.random.default_rng(0).standard_normal((7, 4, 3, 2)).astype(np.float32)
    pairs = [
        np.sqrt(np.mean(np.square(samples[i].astype(np.float64) - samples[j])))
        for i in range(7)
        for j in range(i)
    ]
    np.testing.assert_allclose(
        guards.diversity(jnp.asarray(samples)), np.mean(pairs), rtol=1e-6
    )


def test_diversity_of_equal_and_of_opposite_samples():
    same = jnp.full((5, 8, 8, 3), 0.731)
    assert guards.diversity(same) == 0.0
    opposite = jnp.stack([jnp.ones((4, 4, 1)), -jnp.ones((4, 4, 1))])
    assert guards.diversity(opposite) == 2.0
    with pytest.raises(ValueError, match="at least two"):
        guards.diversity(same[:1])
