"""From names to values, and what is said of names and numbers that are wrong."""

from __future__ import annotations

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import compile_game, losses, registry, tables, transforms
from gan_jax.config import (
    default_config,
    set_augment,
    set_guards,
    set_optimizer,
    set_options,
    set_terms,
)
from gan_jax.errors import UserError
from gan_jax.game import Ema, rounds
from gan_jax.guards import evaluate
from gan_jax.methods import METHODS
from gan_jax.methods.growing import restart
from gan_jax.methods.recipe import Recipe

PARAMS = {"a": jnp.ones(3), "b": {"c": jnp.full((2, 2), -0.5), "d": jnp.float32(2.0)}}


def published(method):
    return inspect.signature(METHODS[method]).parameters["recipe"].default


def recipe_of(config):
    return registry.build_recipe(config, published(config.method))


def updates(tx, count, grads=None):
    """Updates of `count` steps along constant gradients."""
    grads = jax.tree.map(lambda p: p + 1.0, PARAMS) if grads is None else grads
    state, found = tx.init(PARAMS), []
    with jax.numpy_dtype_promotion("standard"):
        for _ in range(count):
            update, state = tx.update(grads, state, PARAMS)
            found.append(update)
    return found


def assert_same_updates(a, b, count=3):
    for x, y in zip(updates(a, count), updates(b, count), strict=True):
        for p, q in zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True):
            np.testing.assert_array_equal(p, q)


# Recipes.


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_default_is_what_the_method_publishes(method):
    config = default_config()
    config.method = method
    ours, theirs = recipe_of(config), published(method)
    assert ours._replace(d_terms={}, g_terms={}) == theirs._replace(d_terms={}, g_terms={})
    assert dict(ours.d_terms) == dict(theirs.d_terms)
    assert dict(ours.g_terms) == dict(theirs.g_terms)


def test_plain_fields():
    config = default_config()
    config.recipe.loss, config.recipe.d_steps = "hinge", 3
    config.recipe.joint_forward, config.recipe.fakes_per_real = True, 2
    config.recipe.d_transform = "spectral_norm"
    config.recipe.ema.half_life, config.recipe.ema.ramp = 500.0, 0.05
    found = recipe_of(config)
    assert found.loss is losses.hinge
    assert (found.d_steps, found.joint_forward, found.fakes_per_real) == (3, True, 2)
    assert found.g_ema == Ema(500.0, 0.0, 0.05)
    assert found.g_transform is published("dcgan").g_transform
    kernel = {"net": {"w": jnp.diag(jnp.array([3.0, 1.0, 0.5]))}}
    state = found.d_transform.init(kernel, jax.random.key(0))
    for _ in range(20):
        state = found.d_transform.update(kernel, state)
    np.testing.assert_allclose(
        found.d_transform.apply(kernel, state)["net"]["w"],
        kernel["net"]["w"] / 3.0,
        rtol=1e-5,
    )


def test_priors():
    config, key = default_config(), jax.random.key(3)
    config.recipe.prior, config.recipe.latent_dim = "uniform", 7
    expected = jax.random.uniform(key, (7,), minval=-1.0, maxval=1.0)
    np.testing.assert_array_equal(recipe_of(config).prior(key), expected)
    config.recipe.prior, config.recipe.latent_dim = "normal", None
    expected = jax.random.normal(key, (100,))  # DCGAN's dimension
    np.testing.assert_array_equal(recipe_of(config).prior(key), expected)


@pytest.mark.parametrize(
    ("name", "numbers", "expected"),
    [
        ("adam", {"b1": 0.2, "b2": 0.7, "eps": 0.1}, optax.adam(0.3, 0.2, 0.7, 0.1)),
        ("sgd", {"momentum": 0.9}, optax.sgd(0.3, 0.9)),
        ("sgd", {}, optax.sgd(0.3)),
        ("rmsprop", {"b2": 0.8, "eps": 0.1}, optax.rmsprop(0.3, 0.8, 0.1)),
        ("rmsprop", {"momentum": 0.5}, optax.rmsprop(0.3, 0.999, 1e-8, momentum=0.5)),
    ],
)
def test_optimizers(name, numbers, expected):
    config = default_config()
    set_optimizer(config, "d", name, learning_rate=0.3, **numbers)
    found = recipe_of(config)
    assert_same_updates(found.d_tx, expected)
    assert found.g_tx is published("dcgan").g_tx


def test_the_box_holds_after_an_update():
    config = default_config()
    set_optimizer(config, "d", "sgd", learning_rate=5.0, box=0.25)
    (update,) = updates(recipe_of(config).d_tx, 1)
    landed = optax.apply_updates(PARAMS, update)
    expected = {"a": jnp.full(3, -0.25), "b": {"c": jnp.full((2, 2), -0.25), "d": -0.25}}
    for x, y in zip(jax.tree.leaves(landed), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(("player", "per_step"), [("d", 2 + 0.25), ("g", 1.0)])
def test_decay_is_in_images_for_every_player(player, per_step):
    """With a batch of 10, rate 1 until 40 images and then down to 0 at 80."""
    config = default_config()
    config.train.batch_size, config.recipe.d_steps = 10, 2
    set_terms(config, "d", r1={"penalty": "r1", "weight": 1.0, "every": 4})
    set_optimizer(config, "gd", "sgd", learning_rate=1.0, decay_from=40, decay_to=80)
    tx = getattr(recipe_of(config), f"{player}_tx")
    grads = jax.tree.map(jnp.ones_like, PARAMS)
    found = [-float(u["b"]["d"]) for u in updates(tx, 20, grads)]
    images = np.arange(20) * 10.0 / per_step
    np.testing.assert_allclose(found, np.clip((80.0 - images) / 40.0, 0.0, 1.0), atol=1e-6)


def test_truncated_latents():
    config = default_config()
    config.recipe.prior, config.recipe.latent_dim = "normal", 200
    config.recipe.truncation = 0.5
    z = np.asarray(recipe_of(config).prior(jax.random.key(3)))
    assert z.shape == (200,)
    # The normal distribution on |z| < 0.5 has the deviation 0.28.
    assert np.abs(z).max() < 0.5
    assert abs(z.std() - 0.28) < 0.03
    config.recipe.prior = "uniform"
    with pytest.raises(UserError, match=r"truncation is of normal latents; .* 'uniform'"):
        recipe_of(config)


def test_rate_and_beta2_move_along_a_cosine():
    config = default_config()
    config.train.batch_size = 10
    set_optimizer(
        config, "g", "adam", learning_rate=1.0, b1=0.0, b2=0.5, eps=0.0, decay="cosine",
        decay_from=20, decay_to=60, final_rate=0.2, final_b2=0.9,
    )  # fmt: skip
    ramp = 0.5 * (1.0 - np.cos(np.pi * np.clip((np.arange(9) * 10.0 - 20) / 40, 0, 1)))
    rates, betas = 1.0 - 0.8 * ramp, 0.5 + 0.4 * ramp
    gradients, square, expected = 1.0 + np.arange(9), 0.0, []
    for count, (rate, beta, gradient) in enumerate(
        zip(rates, betas, gradients, strict=True), start=1
    ):
        square = beta * square + (1.0 - beta) * gradient**2
        expected.append(rate * gradient / np.sqrt(square / (1.0 - beta**count)))
    tx = recipe_of(config).g_tx
    state, found = tx.init(PARAMS), []
    with jax.numpy_dtype_promotion("standard"):
        for gradient in gradients:
            grads = jax.tree.map(lambda p, g=gradient: jnp.full_like(p, g), PARAMS)
            update, state = tx.update(grads, state, PARAMS)
            found.append(-float(update["b"]["d"]))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_weight_moves_along_a_cosine():
    config = default_config()
    falling = {"weight": 4.0, "final_weight": 1.0, "weight_until": 80.0}
    set_terms(config, "d", r1={"penalty": "r1", **falling})
    weight = recipe_of(config).d_terms["r1"].weight
    found = [float(weight(images)) for images in (0.0, 40.0, 80.0, 1e6)]
    np.testing.assert_allclose(found, [4.0, 2.5, 1.0, 1.0], rtol=1e-6)
    set_terms(config, "d", r1={"penalty": "r1", "weight": 4.0, "final_weight": 1.0})
    with pytest.raises(UserError, match="set final_weight and weight_until together"):
        recipe_of(config)


def test_terms_are_added_replaced_and_dropped():
    config = default_config()
    config.method = "wgan_gp"
    (name,) = published("wgan_gp").d_terms
    added = {"penalty": "orthogonal", "weight": 0.5, "every": 3, "modified": False}
    set_terms(config, "d", ortho=added)
    found = recipe_of(config)
    assert found.d_terms.keys() == {name, "ortho"}
    assert found.d_terms[name] is published("wgan_gp").d_terms[name]
    ortho = found.d_terms["ortho"]
    assert (ortho.weight, ortho.every) == (0.5, 3)
    # ||W^T W - I||^2 of diag(2, 1) is 9; the modified one would be 0.
    assert float(ortho.term.fn({"w": jnp.diag(jnp.array([2.0, 1.0]))})) == 9.0
    set_terms(config, "d", **{name: {"penalty": "r1", "weight": 2.0}})
    assert recipe_of(config).d_terms[name].weight == 2.0
    set_terms(config, "d", **{name: {"penalty": "r1", "weight": 0.0}})
    assert recipe_of(config).d_terms == {}


def test_options_of_networks_that_have_names():
    config = default_config()
    set_options(config, width=8, d_norm="layer", dtype="bfloat16")
    game = registry.resolve(config, (8, 8, 1)).program[0].game
    params, stats = jax.eval_shape(game.nets["discriminator"].init, jax.random.key(0))
    assert stats == {}  # batch norm would keep some
    assert {str(x.dtype) for x in jax.tree.leaves(params)} == {"float32"}


def test_the_shape_of_the_source_stands_in_for_that_of_the_config():
    config = default_config()
    assert registry.resolve(config, (16, 8, 3)).data.image_shape == (16, 8, 3)
    config.data.image_shape = (8, 8, 1)
    data = registry.resolve(config, (16, 8, 3)).data
    assert data.image_shape == (8, 8, 1)
    plain = config.data.to_dict() | {"image_shape": (8, 8, 1)}
    assert data._asdict() == plain


def test_stages():
    config = default_config()
    config.recipe.d_steps = 1
    r1 = {"penalty": "r1", "weight": 1.0, "every": 2}
    config.stages = (
        {"until": 3, "d_steps": 4},
        {"until": 10, "d_terms": {"r1": r1}, "g_optimizer": {"name": "sgd"}},
    )
    program = registry.resolve(config, (8, 8, 1)).program
    assert [stage.until for stage in program] == [3, 10, None]
    assert [rounds(stage.game) for stage in program] == [4, 1, 1]
    phases = [[phase.name for phase in stage.game.phases] for stage in program]
    assert phases == [["disc", "gen"], ["disc", "disc_r1", "gen"], ["disc", "gen"]]
    own = [stage.game.players["generator"].tx for stage in program]
    assert_same_updates(own[1], optax.sgd(2e-4))
    assert own[0] is own[2] is published("dcgan").g_tx
    assert (config.recipe.d_terms.to_dict(), config.recipe.g_optimizer.name) == ({}, None)


def test_stages_may_change_options_of_the_model_and_begin_afresh():
    config = default_config()
    config.method = "gmmn_ae"
    set_options(config, features=(4,), ae_features=(4,), code_dim=2)
    first = {"until": 3, "model": {"stage": "autoencoder"}, "restart": True}
    config.stages = (first, {"until": 5})
    program = registry.resolve(config, (8, 8, 1)).program
    names = [[phase.name for phase in stage.game.phases] for stage in program]
    assert names == [["autoencoder"], ["moments"], ["moments"]]
    assert [stage.enter for stage in program] == [None, restart, None]
    config.stages = ({"until": 3, "model": {"stag": "autoencoder"}},)
    with pytest.raises(UserError, match="no model option 'stag'; did you mean 'stage'"):
        registry.resolve(config, (8, 8, 1))


def test_an_encoder_has_an_optimizer_where_there_is_one():
    config = default_config()
    config.method = "bigan"
    wide = {f"{player}_features": (4,) for player in "ged"}
    set_options(config, **wide)
    set_optimizer(config, "g", "sgd", learning_rate=0.1)
    set_optimizer(config, "e", "sgd", learning_rate=0.5)
    player = registry.build_game(config, (8, 8, 1)).players["generator"]
    ones = {net: {"w": jnp.ones(2)} for net in player.nets}
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = player.tx.update(ones, player.tx.init(ones), ones)
    np.testing.assert_allclose(updates["encoder"]["w"], [-0.5, -0.5])
    np.testing.assert_allclose(updates["generator"]["w"], [-0.1, -0.1])
    config.method = "dcgan"
    set_options(config, width=4)
    with pytest.raises(UserError, match="has no encoder: leave its optimizer"):
        registry.build_game(config, (8, 8, 1))


# Rules.


def test_rules_have_their_options():
    config = default_config()
    set_guards(config, "report", sample_diversity={"minimum": 0.5, "patience": 1})
    (rule,) = registry.make_rules(config)
    _, verdicts = evaluate((rule,), {}, {"sample_diversity": 0.4})
    assert [verdict.rule for verdict in verdicts] == ["sample_diversity"]
    assert evaluate((rule,), {}, {"sample_diversity": 0.6})[1] == []


# Mistakes.


def change(path, value):
    def apply(config):
        with config.unlocked():
            *groups, name = path.split(".")
            for group in groups:
                config = config[group]
            config[name] = value

    return apply


def term(**entry):
    return lambda config: set_terms(config, "d", mine=entry)


def option(**options):
    return lambda config: set_options(config, **options)


def rule(name, **options):
    return lambda config: set_guards(config, "stop", **{name: options})


MISTAKES = {
    "method": (
        change("method", "dcgna"),
        "no method is named 'dcgna'; did you mean 'dcgan'?",
    ),
    "loss": (
        change("recipe.loss", "hinhe"),
        "no loss is named 'hinhe'; did you mean 'hinge'?",
    ),
    "prior": (
        change("recipe.prior", "norml"),
        "no prior is named 'norml'; did you mean 'normal'?",
    ),
    "transform": (
        change("recipe.g_transform", "spectral"),
        "no transform is named 'spectral'; did you mean 'spectral_norm'?",
    ),
    "optimizer": (
        change("recipe.d_optimizer.name", "adan"),
        "no optimizer is named 'adan'; did you mean 'adam'?",
    ),
    "penalty": (
        term(penalty="gradient_penlty", weight=1.0),
        "no penalty is named 'gradient_penlty'; did you mean 'gradient_penalty'?",
    ),
    "term": (
        term(penalty="r1"),
        "term 'mine' needs 'penalty' and 'weight'; has ['penalty']",
    ),
    "term_option": (
        term(penalty="gradient_penalty", weight=1.0, targt=0.0),
        "term 'mine' has no option 'targt'; did you mean 'target'?",
    ),
    "term_every": (
        term(penalty="r1", weight=1.0, every=0),
        "term 'mine': 'every' must be at least 1, got 0",
    ),
    "model_option": (
        option(widht=8),
        "method 'dcgan' has no model option 'widht'; did you mean 'width'?",
    ),
    "model_recipe": (option(recipe=1), "method 'dcgan' has no model option 'recipe'"),
    "model_shape": (
        option(image_shape=(8, 8, 1)),
        "method 'dcgan' has no model option 'image_shape'",
    ),
    "model_norm": (
        option(d_norm="bacth"),
        "no model option d_norm is named 'bacth'; did you mean 'batch'?",
    ),
    "model_dtype": (
        option(dtype="bfloat17"),
        "no model option dtype is named 'bfloat17'; did you mean 'bfloat16'?",
    ),
    "latent_alone": (
        change("recipe.latent_dim", 8),
        "recipe.latent_dim and recipe.truncation need recipe.prior",
    ),
    "rate_alone": (
        change("recipe.g_optimizer.learning_rate", 1.0),
        "recipe.g_optimizer.learning_rate is set, but recipe.g_optimizer needs a name",
    ),
    "ema_alone": (
        change("recipe.ema.ramp", 0.05),
        "recipe.ema.start and .ramp need recipe.ema.half_life",
    ),
    "ema_negative": (
        change("recipe.ema.half_life", -1.0),
        "recipe.ema.half_life must be positive, got -1.0",
    ),
    "shape": (
        change("data.image_shape", (8, 8, 1, 1)),
        "data.image_shape is (8, 8, 1, 1); expected",
    ),
    "text": (
        change("data.image_shape", (8, 9)),
        "method 'dcgan' makes no text, which the data are; those that do: gumbel_gan,",
    ),
    "shape_zero": (change("data.image_shape", (8, 0, 1)), "data.image_shape is (8, 0, 1)"),
    "classes": (change("data.num_classes", 0), "data.num_classes must be positive, got 0"),
    "stage_end": (
        change("stages", ({"d_steps": 2},)),
        "stages[0] needs 'until', the step at which it ends, a whole number above 0",
    ),
    "stage_order": (
        change("stages", ({"until": 5}, {"until": 5})),
        "stages[1] needs 'until', the step at which it ends, a whole number above 5",
    ),
    "stage_kind": (change("stages", (3,)), "stages[0] needs 'until'"),
    "stage_field": (
        change("stages", ({"until": 5, "d_stepz": 2},)),
        "stages[0] names no recipe field 'd_stepz'; did you mean 'd_steps'?",
    ),
    "stage_type": (
        change("stages", ({"until": 5, "d_steps": "x"},)),
        "stages[0]['d_steps']",
    ),
    "rule": (
        rule("non_finit"),
        "no guard rule is named 'non_finit'; did you mean 'non_finite'?",
    ),
    "rule_option": (
        rule("logit_margin", limt=3.0),
        "guard rule 'logit_margin' has no option 'limt'; did you mean 'limit'?",
    ),
    "rule_range": (
        rule("logit_margin", limit=-1.0),
        "guard rule 'logit_margin': logit_margin: limit must be positive, got -1.0",
    ),
    "action": (
        change("guards.action", "rolback"),
        "no guard action is named 'rolback'; did you mean 'rollback'?",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_in_one_line(name):
    mistake, message = MISTAKES[name]
    config = default_config()
    mistake(config)

    def build():
        registry.make_rules(config)
        registry.resolve(config, (8, 8, 1))

    with pytest.raises(UserError) as caught:
        build()
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"decay_to": 5.0}, "recipe.g_optimizer: set decay_from and decay_to together"),
        ({"decay_from": 5.0, "decay_to": 5.0}, "decay_to must lie after decay_from"),
        ({"final_rate": 0.1}, "final_rate needs decay_from and decay_to"),
        (
            {"decay": "cosin", "decay_from": 0.0, "decay_to": 1.0},
            "no decay is named 'cosin'; did you mean 'cosine'",
        ),
        ({"box": -0.1}, "recipe.g_optimizer.box must be positive, got -0.1"),
        ({"momentum": 0.9}, "momentum is set, but recipe.g_optimizer 'adam' has no such"),
    ],
)
def test_optimizers_that_contradict_themselves(numbers, message):
    config = default_config()
    set_optimizer(config, "g", "adam", learning_rate=1.0, **numbers)
    with pytest.raises(UserError, match=message):
        registry.resolve(config, (8, 8, 1))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("train.steps", 0),
        ("train.batch_size", 0),
        ("train.microbatches", 0),
        ("train.steps_per_dispatch", 0),
        ("log.every", 0),
        ("log.spectrum_every", -1),
        ("samples.every", -1),
        ("samples.count", 1),
        ("samples.columns", 0),
        ("checkpoint.every", -1),
        ("checkpoint.keep_last", 0),
        ("checkpoint.keep_best", -1),
        ("score.every", -1),
        ("score.samples", 1),
        ("score.reference", -1),
        ("guards.max_rollbacks", -1),
        ("data.labelled", 0),
    ],
)
def test_numbers_out_of_range_are_named(path, value):
    config = default_config()
    change(path, value)(config)
    with pytest.raises(UserError) as caught:
        registry.check_numbers(config)
    assert str(caught.value) == f"{path} must be at least {value + 1}, got {value}"


def test_everything_falls_on_the_end_of_a_dispatch():
    config = default_config()
    config.train.steps_per_dispatch = 100
    registry.check_numbers(config)
    config.samples.every = 250
    with pytest.raises(UserError) as caught:
        registry.check_numbers(config)
    assert str(caught.value) == (
        "samples.every (250) must be a multiple of train.steps_per_dispatch (100)"
    )
    config.samples.every, config.stages = 0, ({"until": 150},)
    with pytest.raises(
        UserError, match=r"stages\[0\]\['until'\] \(150\) must be a multiple"
    ):
        registry.resolve(config, (8, 8, 1))


def test_tables_hold_what_they_name():
    assert isinstance(published("gan"), Recipe)
    plain = ("minimax", "non_saturating", "hinge", "least_squares", "wasserstein")
    for name in plain:
        assert tables.LOSSES[name] is getattr(losses, name)
    paired = tables.LOSSES["rsgan"].discriminator(jnp.ones(2), jnp.zeros(2))
    np.testing.assert_allclose(paired, np.log1p(np.exp(-1.0)), rtol=1e-6)
    pearson = tables.LOSSES["f_pearson"].discriminator(jnp.ones(2), jnp.zeros(2))
    np.testing.assert_allclose(pearson, -1.0, rtol=1e-6)
    assert tables.TRANSFORMS["none"] is transforms.identity


def test_augmentations_are_built_from_their_options():
    config = default_config()
    config.method = "gan"
    set_options(config, g_features=(4,), d_features=(4,))
    set_augment(config, "ada", pipe="blit", target=0.5)
    game = registry.build_game(config, (8, 8, 1))
    assert float(game.memory["augment"].p) == 0.0
    set_augment(config, "instance_noise", sigma=0.1, until=1000)
    assert registry.build_game(config, (8, 8, 1)).memory["augment"] == ()
    set_augment(config, "ada", pip="blit")
    with pytest.raises(UserError, match=r"recipe\.augment has no option 'pip'.*'pipe'"):
        registry.build_game(config, (8, 8, 1))
    set_augment(config, "adda")
    with pytest.raises(UserError, match="no augmentation is named 'adda'"):
        registry.build_game(config, (8, 8, 1))


HEADS = {
    "acgan": "auxiliary",
    "feature_matching": "auxiliary",
    "tac": "twin",
    "adc": "by_origin",
    "two_c": "proxies",
    "d2d_ce": "proxies",
    "multi_hinge": "only_classes",
}
"""Conditionings whose heads terms need."""


OF_A_METHOD = {
    "supervised": ("semi_supervised_gan", {"d_features": (4,), "g_features": (4,)}),
    "categorical_information": ("infogan", {"width": 4}),
    "continuous_information": ("infogan", {"width": 4}),
}
"""Methods whose discriminators alone have the heads of a term."""


@pytest.mark.parametrize("name", sorted(OF_A_METHOD))
def test_terms_of_one_method(name):
    config = default_config()
    config.method, options = OF_A_METHOD[name]
    set_options(config, **options)
    set_terms(config, "d", term={"penalty": name, "weight": 2.0})
    shape = (8, 8, 1)
    algorithm = compile_game(registry.build_game(config, shape))
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    batch = {"image": jax.ShapeDtypeStruct((1, 4, *shape), jnp.float32)}
    batch["labelled"] = {**batch, "label": jax.ShapeDtypeStruct((1, 4), jnp.int32)}
    _, metrics = jax.eval_shape(algorithm.step, state, batch)
    assert "disc/term" in metrics


@pytest.mark.parametrize("name", sorted(tables.PENALTIES.keys() - OF_A_METHOD.keys()))
def test_every_penalty_is_a_term_of_some_player(name):
    config = default_config()
    config.method = "dcgan"
    options = {"width": 4, "kernel_size": 4, "d_norm": "none"}
    if name in HEADS:
        config.data.num_classes = 3
        options["conditioning"] = HEADS[name]
    set_options(config, **options)
    player = "g" if name in ("path_length", "feature_matching") else "d"
    set_terms(config, player, term={"penalty": name, "weight": 1.0})
    shape = (8, 8, 1)
    game = registry.build_game(config, shape)
    algorithm = compile_game(game)
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    batch = {"image": jax.ShapeDtypeStruct((1, 4, *shape), jnp.float32)}
    if name in HEADS:
        batch["label"] = jax.ShapeDtypeStruct((1, 4), jnp.int32)
    _, metrics = jax.eval_shape(algorithm.step, state, batch)
    assert f"{'gen' if player == 'g' else 'disc'}/term" in metrics
