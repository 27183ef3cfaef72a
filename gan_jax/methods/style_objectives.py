"""Two-player games whose generator has styles: mixing, noise, and terms in w.

The generator is one net, latents to images, so that whatever knows a generator knows this
one. In training its latents are mapped to styles, mixed and drawn with noise by keys of the
example's own; where it is sampled from, it keeps its noise and mixes nothing. Its halves
are there as views of the same parameters: `halves`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen

from gan_jax import prng
from gan_jax.game import Aux, Batch, Game, Objective, View, Views
from gan_jax.methods import regularisers
from gan_jax.methods.families import play
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.sides import GENERATOR
from gan_jax.methods.terms import Remembering, Round, Weighted, weighted
from gan_jax.networks.stylegan2_layers import CONST, Noise
from gan_jax.networks.stylegan2_mapping import crossed, truncated
from gan_jax.priors import Prior
from gan_jax.types import (
    Array,
    InputGradientPenalty,
    Key,
    Net,
    Params,
    PyTree,
    Scalar,
    Stats,
)


@dataclass(frozen=True)
class StyledApply:
    """`Net.apply` of a generator with styles, and of its halves.

    Attributes:
        module: such as `networks.stylegan2_mapping.StyledGenerator`, with methods
            `styles(z, y, *, train)` and `images(ws, *, noise)`.
        psi: how far styles of a call are from their mean; see `truncating`.
    """

    module: linen.Module
    psi: float = field(default=1.0, kw_only=True)

    def __call__(
        self, params: Params, stats: Stats, *inputs: Any, train: bool
    ) -> tuple[Array, Stats]:
        """Images of latents, and of labels if any, with the noise that is kept."""
        ws, new = self.styles(params, stats, *inputs, train=train)
        if self.psi != 1.0:
            ws = truncated(ws, _mean_style(stats), self.psi)
        return self.images(params, stats, ws), new

    def styles(
        self, params: Params, stats: Stats, *inputs: Any, train: bool
    ) -> tuple[Array, Stats]:
        """Styles (B, layers, W) of latents, and of labels if any."""
        variables = {"params": params, **stats}
        if not train or not stats:
            ws: Any = self.module.apply(variables, *inputs, train=train, method="styles")
            return ws, stats
        return self.module.apply(
            variables, *inputs, train=True, method="styles", mutable=list(stats)
        )

    def images(
        self, params: Params, stats: Stats, ws: Array, noise: Noise = CONST
    ) -> Array:
        """Images of styles; without noise that is kept, from parameters alone."""
        variables = {"params": params, **stats}
        made: Any = self.module.apply(variables, ws, noise=noise, method="images")
        images: Array = made
        return images


class Halves(NamedTuple):
    """A generator with styles, as the two that it is made of.

    Attributes:
        mapping: `(latents, labels if any) -> styles` (B, layers, W).
        synthesis: `(styles) -> images`, with the noise that is kept.
        mean: the running mean of w, (W,), to truncate around.
    """

    mapping: View
    synthesis: View
    mean: Array


def has_styles(generator: Net) -> bool:
    """Whether a generator has styles, and so halves."""
    return isinstance(generator.apply, StyledApply)


def halves(generator: View) -> Halves | None:
    """The halves of a generator, as views of its parameters; None of one without styles.

    Args:
        generator: such as `views.averaged("generator")`.
    """
    apply = generator.net.apply
    if not isinstance(apply, StyledApply):
        return None

    def images(
        params: Params, stats: Stats, ws: Array, *, train: bool
    ) -> tuple[Array, Stats]:
        del train
        return apply.images(params, stats, ws), stats

    def part(function: Callable[..., tuple[Array, Stats]]) -> View:
        return replace(generator, net=generator.net._replace(apply=function))

    return Halves(part(apply.styles), part(images), _mean_style(generator.stats))


def _mean_style(stats: Stats) -> Array:
    """The running mean of w, (W,)."""
    (mean,) = jax.tree.leaves(stats["averages"])
    return mean


def truncating(game: Game, psi: float) -> Game:
    """A game from which samples are drawn with styles pulled towards their running mean
    (1812.04948, appendix B); training is as it was.

    Args:
        game: whose generator has styles.
        psi: weight of the styles; 1 leaves them as they are, 0 gives their mean.

    Raises:
        ValueError: the generator has no styles.
    """
    net = game.nets[GENERATOR]
    if not isinstance(net.apply, StyledApply):
        raise ValueError("psi is of styles, and the generator has none")
    changed = net._replace(apply=replace(net.apply, psi=psi))
    return game._replace(nets={**game.nets, GENERATOR: changed})


class InStyles(Remembering):
    """A term on how examples follow the latents they are made of. With a generator that has
    styles it is given these in the place of latents, and the synthesis network in that of
    the generator; with any other it is as it stands.
    """

    __slots__ = ()


def path_length(*, decay: float = 0.01) -> InStyles:
    """Path length regularisation (1912.04958, eq. 4) in w of generators that have it, in z
    of others; see `penalties.path_length`.
    """
    return InStyles(*regularisers.path_length(decay=decay))


class Draw(NamedTuple):
    """How styles are drawn in training.

    Attributes:
        apply: the generator.
        prior: latent distribution, `(key) -> z` for one example.
        mixing: probability that the styles of an example are of two latents, the second
            one's from some layer on (1812.04948, section 3.1).
    """

    apply: StyledApply
    prior: Prior
    mixing: float

    def styles(
        self, params: Params, stats: Stats, z: Array, labels: tuple[Array, ...], keys: Key
    ) -> tuple[Array, Stats]:
        """Styles (B, layers, W) of latents (B, Z), mixed by the keys (B,) with those of
        others; and statistics, which the first latents alone have moved.
        """
        ws, new = self.apply.styles(params, stats, z, *labels, train=True)
        if self.mixing == 0.0:
            return ws, new
        z = prng.draw(prng.stream(keys, "second"), self.prior)
        second, _ = self.apply.styles(params, {}, z, *labels, train=True)
        cuts = draw_cuts(prng.stream(keys, "cut"), self.mixing, ws.shape[1])
        return crossed(ws, second, cuts), new


def draw_cuts(keys: Key, mixing: float, layers: int) -> Array:
    """Layers at which styles are mixed (1812.04948, section 3.1).

    Args:
        keys: (B,).
        mixing: probability that an example is mixed.
        layers: number of layers; where there is but one, nothing is mixed.

    Returns:
        int32 (B,): from 1 to `layers` - 1, or `layers` where an example is not mixed.
    """

    def cut(key: Key) -> Array:
        place, whether = jax.random.split(key)
        mixed = jax.random.bernoulli(whether, mixing)
        at = jax.random.randint(place, (), 1, max(layers, 2), jnp.int32)
        return jnp.where(mixed, at, layers)

    return prng.draw(keys, cut)


def play_styled(
    generator: linen.Module,
    discriminator: linen.Module,
    image_shape: tuple[int, ...],
    recipe: Recipe,
    num_classes: int | None,
    *,
    mixing: float = 0.9,
    shrink: int = 2,
    couples: bool = True,
) -> Game:
    """The two-player game of a generator with styles and a discriminator.

    Args:
        generator: see `StyledApply`.
        discriminator: `(x, y=None, *, train) -> logits (batch,)`.
        image_shape: shape of one example.
        recipe: the method. Where the discriminator couples examples, penalties on input
            gradients are on those of the batch's summed logits, as published.
        num_classes: number of classes, or None.
        mixing: see `Draw`.
        shrink: terms `InStyles` are of every so manieth example.
        couples: whether a layer of the discriminator looks at the batch as a whole.

    Raises:
        ValueError: `mixing` is no probability, or `shrink` below 1.
    """
    if not 0.0 <= mixing <= 1.0 or shrink < 1:
        raise ValueError(
            "mixing is a probability and shrink a whole number of at least 1, got "
            f"{mixing} and {shrink}"
        )
    draw = Draw(StyledApply(generator), recipe.prior, mixing)
    g_terms = weighted("g_terms", recipe.g_terms)
    d_terms = weighted("d_terms", recipe.d_terms)
    recipe = recipe._replace(
        g_terms={
            name: in_styles(one, lambda seen: draw, shrink) for name, one in g_terms.items()
        },
        d_terms={name: _of_batches(one, couples) for name, one in d_terms.items()},
    )
    game = play(generator, discriminator, image_shape, recipe, num_classes, couples=couples)
    net = game.nets[GENERATOR]._replace(apply=draw.apply)
    return game._replace(
        nets={**game.nets, GENERATOR: net},
        phases=tuple(
            phase._replace(objective=_styled(phase.objective, draw))
            for phase in game.phases
        ),
    )


def _styled(objective: Objective, draw: Draw) -> Objective:
    """An objective whose generator mixes styles and draws noise."""

    def styled(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[Mapping[str, Scalar], Aux]:
        def apply(
            params: Params, stats: Stats, z: Array, *labels: Array, train: bool
        ) -> tuple[Array, Stats]:
            del train
            own = prng.stream(_keys_for(keys, len(z)), "styles")
            ws, new = draw.styles(params, stats, z, labels, own)
            return draw.apply.images(params, {}, ws, prng.stream(own, "noise")), new

        view = views[GENERATOR]
        changed = replace(view, net=view.net._replace(apply=apply))
        live = {**views.live, GENERATOR: changed}
        return objective(replace(views, live=live), batch, keys, memory)

    return styled


def _keys_for(keys: Key, rows: int) -> Key:
    """Keys of so many latents, of which each example has the same number."""
    if rows == len(keys):
        return keys
    split = jax.vmap(lambda key: jax.random.split(key, rows // len(keys)))(keys)
    return split.reshape(-1)


def _of_batches(one: Weighted, couples: bool) -> Weighted:
    """A term that takes the examples of a discriminator that couples them together."""
    if couples and isinstance(one.term, InputGradientPenalty):
        return one._replace(term=one.term.fn)
    return one


def in_styles(one: Weighted, draw_at: Callable[[Scalar], Draw], shrink: int) -> Weighted:
    """A term of a generator with styles; if it is `InStyles`, one that sees them in the
    place of latents.

    Args:
        one: any term.
        draw_at: `(images seen) -> draw` of the styles.
        shrink: it is of every so manieth example.
    """
    term = one.term
    if not isinstance(term, InStyles):
        return one

    def fn(turn: Round, memory: PyTree) -> tuple[Scalar, PyTree]:
        rows = len(turn.latents)
        if rows % shrink:
            raise ValueError(
                f"{rows} examples do not fall into parts of {shrink}: choose a batch size "
                "that is a multiple of it, or shrink=1"
            )

        def some(x: Array) -> Array:
            # Rows of a sharded batch stay on their devices, as a slice's may not.
            return x.reshape(rows // shrink, shrink, *x.shape[1:])[:, 0]

        draw = draw_at(turn.images_seen)
        params, keys = turn.players[GENERATOR], some(turn.keys)
        labels = () if turn.labels is None else (some(turn.labels),)
        own = prng.stream(keys, "styles")
        ws, _ = draw.styles(params, {}, some(turn.latents), labels, own)
        noise = prng.stream(own, "noise")
        seen = turn._replace(
            latents=ws,
            keys=keys,
            generate=lambda ws: draw.apply.images(params, {}, ws, noise),
        )
        return term.fn(seen, memory)

    return one._replace(term=Remembering(term.init, fn))
