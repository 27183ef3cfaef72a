"""Any loss with any penalties, transforms, conditioning and augmentation trains, or is
refused when the game is built.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_jax import augment, compile_game, tables, transforms
from gan_jax.methods import METHODS, Recipe, augmented
from gan_jax.methods.conditioning import BY_NORM
from gan_jax.minibatch import latent_optimisation, top_k
from gan_jax.nn import BatchNorm, LayerNorm
from gan_jax.nn.minibatch import MinibatchDiscrimination, MinibatchStddev
from gan_jax.priors import normal

SHAPE, CLASSES, BATCH = (8, 8, 1), 3, 4
AUGMENTATIONS = {
    "none": None,
    "diffaugment": augmented.both_sides(augment.diffaugment("color", "translation")),
    "ada": augmented.adaptive(augment.ada("blit"), augment.controller(start=0.5)),
    "apa": augmented.pseudo(augment.controller(start=0.5)),
    "noise": augmented.noisy(lambda images: 0.1),
}
CLASS_TERMS = ["acgan", "tac", "adc", "two_c", "d2d_ce", "multi_hinge"]
D_TERMS = sorted(set(tables.PENALTIES) - {"path_length", "feature_matching"})
G_TERMS = [
    "consensus", "historical_averaging", "orthogonal", "path_length", "weight_decay",
    "latent_consistency", "feature_matching", *CLASS_TERMS,
]  # fmt: skip
TRANSFORMS = {
    "none": transforms.identity(),
    "spectral_norm": transforms.spectral_norm(),
    "equalized_lr": transforms.equalized_lr(),
    "weight_norm": transforms.weight_norm(),
}
NORMS = {"none": None, "batch": BatchNorm, "layer": LayerNorm}
METHOD = {"dcgan": {"width": 4, "kernel_size": 4}, "wgan_gp": {"g_width": 4, "d_width": 4}}
"""Builders with all options, and what makes them tiny."""
MINIBATCH = {
    "none": None,
    "discrimination": MinibatchDiscrimination,
    "std": MinibatchStddev,
}


def terms(names):
    """{name: every} to weighted terms."""
    return {name: (0.1, tables.PENALTIES[name](), every) for name, every in names.items()}


def lazy(names):
    return st.dictionaries(st.sampled_from(names), st.sampled_from([1, 2]), max_size=2)


COMBINATIONS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(sorted(METHOD)),
        "loss": st.sampled_from(sorted(set(tables.LOSSES) - {"zero"})),
        "d_terms": lazy(D_TERMS),
        "g_terms": lazy(G_TERMS),
        "d_transform": st.sampled_from(sorted(TRANSFORMS)),
        "g_transform": st.sampled_from(sorted(TRANSFORMS)),
        "augment": st.sampled_from(sorted(AUGMENTATIONS)),
        "norm": st.sampled_from(sorted(NORMS)),
        "conditioning": st.sampled_from([*sorted(tables.CONDITIONINGS), None]),
        "minibatch": st.sampled_from(sorted(MINIBATCH)),
        "joint": st.booleans(),
        "unroll": st.booleans(),
        "logan": st.booleans(),
        "top_k": st.booleans(),
    }
)


def build(choice, shape=SHAPE):
    """The game of a combination."""
    recipe = Recipe(
        loss=tables.LOSSES[choice["loss"]],
        prior=normal(4),
        g_tx=optax.sgd(1e-3),
        d_tx=optax.sgd(1e-3),
        d_transform=TRANSFORMS[choice["d_transform"]],
        g_transform=TRANSFORMS[choice["g_transform"]],
        d_terms=terms(choice["d_terms"]),
        g_terms=terms(choice["g_terms"]),
        joint_forward=choice["joint"],
        augment=AUGMENTATIONS[choice["augment"]],
        improve_latents=latent_optimisation() if choice["logan"] else None,
        weigh_fakes=top_k(lambda images: 0.5) if choice["top_k"] else None,
        unroll=2 if choice["unroll"] else 0,
    )
    name = choice["conditioning"]
    method = choice["method"]
    return METHODS[method](
        **METHOD[method],
        image_shape=shape,
        num_classes=None if name is None else CLASSES,
        d_norm=NORMS[choice["norm"]],
        conditioning=tables.CONDITIONINGS.get(name, BY_NORM),
        minibatch=MINIBATCH[choice["minibatch"]],
        recipe=recipe,
    )


def take_a_step(game):
    """A step, which must move both players and leave nothing that is not finite."""
    algorithm = compile_game(game)
    state = algorithm.init(jax.random.key(0))
    batch = {
        "image": jax.random.uniform(jax.random.key(1), (1, BATCH, *SHAPE), minval=-1.0),
        "label": jnp.arange(BATCH, dtype=jnp.int32)[None] % CLASSES,
    }
    after, metrics = jax.jit(algorithm.step)(state, batch)
    for name, player in state.players.items():
        moved = jax.tree.map(
            lambda a, b: float(jnp.abs(a - b).max()),
            player.params,
            after.players[name].params,
        )
        assert max(jax.tree.leaves(moved)) > 0.0, name
    values = jax.tree.map(np.asarray, (after.players, after.memory, metrics))
    for leaf in jax.tree.leaves(values):
        assert np.isfinite(leaf).all()


def check(choice):
    game, refusal = None, ""
    try:
        game = build(choice)
    except ValueError as error:
        refusal = str(error)
    if game is None:
        assert len(refusal) > 20, "a refusal that says nothing"
        assert "\n" not in refusal
    else:
        take_a_step(game)


@given(COMBINATIONS)
@settings(max_examples=12, deadline=None, derandomize=True, database=None)
def test_a_combination_trains_or_is_refused(choice):
    check(choice)


@pytest.mark.slow
@given(COMBINATIONS)
@settings(max_examples=300, deadline=None, database=None)
def test_many_combinations_train_or_are_refused(choice):
    check(choice)


PLAIN = {"d_terms": {}, "g_terms": {}}
PLAIN |= dict.fromkeys(("joint", "unroll", "logan", "top_k"), False)
PLAIN |= dict.fromkeys(
    ("d_transform", "g_transform", "augment", "norm", "minibatch"), "none"
)
PLAIN |= {"method": "dcgan", "loss": "non_saturating", "conditioning": None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norm": "batch", "d_terms": {"r1": 1}}, "'r1' .* batch statistics"),
        (
            {"norm": "batch", "d_terms": {"gradient_penalty": 2}},
            "'gradient_penalty' .* batch statistics",
        ),
        ({"minibatch": "std", "d_terms": {"r2": 1}}, "'r2' .* no minibatch layer"),
        ({"unroll": True, "d_transform": "spectral_norm"}, "unroll needs"),
        ({"loss": "zero", "d_terms": {"drift": 1}}, "needs terms for both players"),
        ({"d_terms": {"acgan": 1}}, "'acgan' needs labels"),
        ({"d_terms": {"tac": 1}, "conditioning": "auxiliary"}, "'tac' .* other heads"),
        ({"d_terms": {"acgan": 2}, "conditioning": "by_origin"}, "'acgan' .* other heads"),
        ({"g_terms": {"two_c": 1}, "conditioning": "norm"}, "'two_c' .* other heads"),
        ({"g_terms": {"feature_matching": 1}}, "'feature_matching' .* returns features"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(changes, message):
    with pytest.raises(ValueError, match=message):
        build(PLAIN | changes, (16, 16, 1))


def test_a_term_is_checked_whatever_the_other_side_calls_its_own():
    recipe = Recipe(
        prior=normal(4),
        d_terms={"penalty": (1.0, tables.PENALTIES["r1"]())},
        g_terms={"penalty": (1.0, tables.PENALTIES["orthogonal"]())},
    )
    with pytest.raises(ValueError, match=r"'penalty' .* batch statistics"):
        METHODS["dcgan"](image_shape=(16, 16, 1), width=4, kernel_size=4, recipe=recipe)


HEADS = {
    "acgan": "auxiliary", "tac": "twin", "adc": "by_origin", "two_c": "proxies",
    "d2d_ce": "proxies", "multi_hinge": "only_classes",
}  # fmt: skip


@pytest.mark.parametrize("loss", CLASS_TERMS)
def test_a_class_loss_trains_with_its_head(loss):
    changes = {"conditioning": HEADS[loss], "d_terms": {loss: 1}, "g_terms": {loss: 1}}
    take_a_step(build(PLAIN | changes | {"loss": "hinge"}))


def test_an_auxiliary_classifier_needs_classes():
    with pytest.raises(ValueError, match="'classes' needs labels"):
        METHODS["acgan"](image_shape=SHAPE, width=4, kernel_size=4)
