"""The table of methods at tiny size: a new method joins the tests by one line."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gan_jax import trees
from gan_jax.game import Ema, Game, rounds
from gan_jax.methods import METHODS, UNPAIRED
from gan_jax.optim import keep_params_in_box

IMAGES = (8, 8, 1)
TEXTS = (5, 4)
BATCH = 16


class Case(NamedTuple):
    """How a method is tested.

    Attributes:
        options: keyword arguments of its builder that make it tiny.
        couples: whether a loss or norm couples examples, so that micro-batches change it.
        like: another method on networks of the same kind, whose row covers the execution
            modes; they run for this one under the marker "slow".
        squashed: whether the generator of images ends in a tanh.
        varied: end of the path of a parameter that does not start as published, where
            slopes are rounding alone: StyleGAN's constant has no variance at first, which
            the norm after it divides by.
        labelled: classes of the labelled examples that batches have beside the others.
        abreast: images that a sample shows side by side.
    """

    options: dict[str, Any]
    couples: bool
    like: str | None = None
    squashed: bool = True
    varied: str | None = None
    labelled: int | None = None
    abreast: int = 1


_MLP = {"image_shape": (2,), "g_features": (8,), "d_features": (8, 8)}
_DCGAN = {"image_shape": IMAGES, "width": 4, "kernel_size": 4}
_RESNET = {"image_shape": IMAGES, "g_width": 4, "d_width": 4}
_TEXT = {
    "image_shape": TEXTS,
    "embedding": 3,
    "hidden": 4,
    "windows": ((2, 3),),
    "d_embedding": 3,
}
_TRANSLATOR = {"image_shape": (12, 12, 1), "width": 3, "blocks": 1, "d_width": 4}
_BIGGAN = {"image_shape": IMAGES, "num_classes": 3, "g_width": 2, "d_width": 2}

CASES = {
    "gan": Case(_MLP, couples=False),
    "ns_gan": Case(_MLP | {"num_classes": 3}, couples=False, like="gan"),
    "dcgan": Case(_DCGAN | {"num_classes": 3}, couples=True),
    "lsgan": Case(_DCGAN, couples=True, like="dcgan"),
    "f_gan": Case(_DCGAN, couples=True, like="dcgan"),
    "geometric_gan": Case(_DCGAN, couples=True, like="dcgan"),
    "rsgan": Case(_DCGAN, couples=True, like="dcgan"),
    "rasgan": Case(_DCGAN, couples=True),
    "wgan": Case(_DCGAN, couples=True, like="dcgan"),
    "wgan_gp": Case(_RESNET, couples=True),
    "sngan": Case(_RESNET | {"num_classes": 3}, couples=True),
    "projection_cgan": Case(_RESNET | {"num_classes": 3}, couples=True, like="sngan"),
    "sagan": Case(_RESNET | {"num_classes": 3}, couples=True, like="sngan"),
    "biggan": Case(_BIGGAN | {"embedding": 4, "hierarchical": False}, couples=True),
    "biggan_deep": Case(_BIGGAN | {"embedding": 4}, couples=True, like="biggan"),
    "progan": Case(
        {
            "image_shape": IMAGES,
            "num_classes": 3,
            "fade": (0.0, 64.0),
            "base": 32,
            "most": 6,
        },
        couples=True,
        squashed=False,
    ),
    "stylegan": Case(
        {
            "image_shape": IMAGES,
            "num_classes": 3,
            "base": 16,
            "most": 4,
            "w_dim": 6,
            "mapping_layers": 2,
            "mapping_rate": 0.5,
        },
        couples=True,
        squashed=False,
        varied="constant",
    ),
    "stylegan2": Case(
        {
            "image_shape": IMAGES,
            "num_classes": 3,
            "channel_base": 32,
            "channel_max": 6,
            "w_dim": 4,
            "mapping_layers": 2,
            "label_layers": 1,
        },
        couples=True,
        squashed=False,
    ),
    "r3gan": Case(
        {
            "image_shape": IMAGES,
            "features": 8,
            "group_size": 4,
            "blocks": 1,
        },
        couples=True,
        squashed=False,
    ),
    "unrolled_gan": Case(_MLP, couples=True),
    "cgan": Case(_DCGAN | {"num_classes": 3}, couples=True, like="dcgan"),
    "hidden_cgan": Case(_DCGAN | {"num_classes": 3}, couples=True, like="dcgan"),
    "acgan": Case(_DCGAN | {"num_classes": 3}, couples=True),
    "tac_gan": Case(_DCGAN | {"num_classes": 3}, couples=True, like="acgan"),
    "adc_gan": Case(_DCGAN | {"num_classes": 3}, couples=True, like="acgan"),
    "contra_gan": Case(_DCGAN | {"num_classes": 3}, couples=True, like="acgan"),
    "reac_gan": Case(_DCGAN | {"num_classes": 3}, couples=True, like="acgan"),
    "mh_gan": Case(_DCGAN | {"num_classes": 3}, couples=True, like="acgan"),
    "improved_gan": Case(_DCGAN, couples=True, like="dcgan"),
    "semi_supervised_gan": Case(
        {"image_shape": IMAGES, "classes": 3, "g_features": (8,), "d_features": (8, 8)},
        couples=True,
        labelled=3,
    ),
    "infogan": Case(
        {"image_shape": IMAGES, "categories": (3, 2), "width": 4, "dense": 8}, couples=True
    ),
    "gmmn": Case({"image_shape": IMAGES, "features": (8,)}, couples=True),
    "gmmn_ae": Case(
        {"image_shape": IMAGES, "features": (8,), "ae_features": (8,), "code_dim": 3},
        couples=True,
    ),
    "bigan": Case(
        {
            "image_shape": IMAGES,
            "g_features": (8,),
            "e_features": (8,),
            "d_features": (8,),
        },
        couples=True,
    ),
    "ali": Case(_DCGAN | {"code_features": (4,), "features": (8,)}, couples=True),
    "bigbigan": Case(
        {
            "image_shape": IMAGES,
            "g_width": 2,
            "d_width": 2,
            "hierarchical": False,
            "score_units": 8,
            "encoder_blocks": (1, 1, 1, 1),
            "encoder_width": 2,
            "encoder_units": 8,
            "reduce": False,
        },
        couples=True,
    ),
    "vaegan": Case(_DCGAN, couples=True),
    "pix2pix": Case(
        {"image_shape": (8, 8, 2), "levels": 2, "width": 4, "d_width": 4, "d_layers": 1},
        couples=False,
    ),
    "cyclegan": Case(
        _TRANSLATOR | {"image_shape": (16, 16, 1), "d_layers": 1, "pool": 20}, couples=True
    ),
    "discogan": Case(
        {"image_shape": IMAGES, "width": 4, "levels": 1}, couples=True, like="cyclegan"
    ),
    "cogan": Case(
        {"image_shape": IMAGES, "form": "faces", "g_width": 2, "d_width": 2},
        couples=True,
        like="dcgan",
        abreast=2,
    ),
    "stargan": Case(
        _TRANSLATOR | {"width": 4, "d_layers": 2, "num_classes": 3}, couples=False
    ),
    "seqgan": Case(_TEXT | {"rollouts": 2}, couples=True),
    "gumbel_gan": Case(_TEXT | {"annealing": (0.0, 64.0)}, couples=False, like="seqgan"),
    "srgan": Case(
        {
            "image_shape": IMAGES,
            "factor": 2,
            "blocks": 1,
            "width": 4,
            "d_width": 2,
            "d_hidden": 4,
            "d_norm": None,
        },
        couples=True,
        like="dcgan",
    ),
}


def published_recipe(name: str) -> Any:
    """The recipe that a method's builder has by default."""
    return inspect.signature(METHODS[name]).parameters["recipe"].default


def tiny(name: str, **changes: Any) -> Game:
    """The method at tiny size, with two critic steps where it has more, and an average."""
    recipe = published_recipe(name)
    recipe = recipe._replace(d_steps=min(recipe.d_steps, 2), g_ema=Ema(50.0), **changes)
    game = METHODS[name](**CASES[name].options, recipe=recipe)
    end = CASES[name].varied
    return game if end is None else _varied(game, end)


def _varied(game: Game, end: str) -> Game:
    """The game with other first values of a parameter of its generator."""
    net = game.nets["generator"]

    def init(key: jax.Array) -> Any:
        params, stats = net.init(key)

        def other(path: str, leaf: jax.Array) -> jax.Array:
            if not path.endswith(end):
                return leaf
            return jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)).reshape(leaf.shape)

        return trees.map_with_path(other, params), stats

    return game._replace(nets={**game.nets, "generator": net._replace(init=init)})


def with_sgd(name: str) -> Game:
    """The tiny method with plain gradient descent: Adam hides a wrong gradient scale."""
    sgd = optax.sgd(0.05)
    boxed = optax.chain(sgd, keep_params_in_box(-0.3, 0.3))
    against = {"d_tx": boxed if name == "wgan" else sgd}
    judged = "discriminator" in tiny(name).players
    return tiny(name, g_tx=sgd, **(against if judged else {}))


def example_shape(image_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of an example: of texts (length,), of what else there is `image_shape`."""
    return image_shape[:1] if len(image_shape) == 2 else image_shape


def examples(
    key: jax.Array, rows: tuple[int, ...], image_shape: tuple[int, ...]
) -> jax.Array:
    """Images or points (*rows, ...) in [-1, 1], or texts (*rows, length)."""
    shape = (*rows, *example_shape(image_shape))
    if len(image_shape) == 2:
        return jax.random.randint(key, shape, 0, image_shape[1], jnp.int32)
    return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)


def batch(name: str, game: Game, seed: int = 1, steps: int = 1) -> dict[str, Any]:
    """Data for `steps` steps, leaves (steps * rounds, BATCH, ...)."""
    shape = (steps * rounds(game), BATCH)
    options = CASES[name].options
    keys = jax.random.split(jax.random.key(seed))
    images = examples(keys[0], shape, options["image_shape"])
    classes = options.get("num_classes", CASES[name].labelled)
    if name in UNPAIRED:
        second = examples(keys[1], shape, options["image_shape"])
        return {"image": images, "second": {"image": second}}
    if classes is None:
        return {"image": images}
    labels = jax.random.randint(keys[1], shape, 0, classes, jnp.int32)
    if CASES[name].labelled is not None:
        return {"image": images, "labelled": {"image": -images, "label": labels}}
    return {"image": images, "label": labels}
