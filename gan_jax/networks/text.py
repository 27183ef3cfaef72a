"""Networks of texts: a recurrent generator, and a discriminator of windows (1609.05473).

Texts are int32 (B, T), tokens of a vocabulary, in which 0 ends a text and fills the rest of
its row; relaxed ones float32 (B, T, tokens), rows of weights that sum to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax import prng, tracing
from gan_jax.networks.heads import linear
from gan_jax.nn.initializers import Initializer, glorot_uniform, normal
from gan_jax.nn.layers import Conv, Dense
from gan_jax.nn.noise import dropout
from gan_jax.types import Array, Key, PyTree

END = 0
"""The token that ends a text."""
_NEVER = -1e9

CellFactory = Callable[[int, Initializer, DTypeLike], linen.RNNCellBase]
"""`(units, init, dtype) -> cell`, `init` being of kernels and biases."""


def lstm(units: int, init: Initializer, dtype: DTypeLike) -> linen.RNNCellBase:
    """Long short-term memory, without peepholes."""
    return linen.OptimizedLSTMCell(
        units, kernel_init=init, recurrent_kernel_init=init, bias_init=init, dtype=dtype
    )


def gru(units: int, init: Initializer, dtype: DTypeLike) -> linen.RNNCellBase:
    """Gated recurrent units (1406.1078)."""
    return linen.GRUCell(
        units, kernel_init=init, recurrent_kernel_init=init, bias_init=init, dtype=dtype
    )


def counted(tokens: Array) -> Array:
    """Which tokens belong to a text: all up to its first end, and that end; bool (B, T)."""
    ends = (tokens == END).astype(jnp.int32)
    return jnp.cumsum(ends, axis=1) - ends == 0


class RecurrentGenerator(linen.Module):
    """A language model: a recurrent cell over embeddings of the tokens before.

    The first input is the embedding of 0. Called, it is taught: logits of every token of
    given texts. `draw`, `complete` and `relax` are its own texts.

    Attributes:
        length: T, of a text.
        tokens: size of the vocabulary, the end included.
        embedding: length of a token's vector.
        hidden: units of the cell.
        cell: `lstm`, `gru`, or another factory of flax cells.
        full: whether all texts have the full length: 0 is never drawn.
        kernel_init: of all parameters but the last biases, which begin at 0; N(0, 0.1^2)
            in the authors' code of 1609.05473.
        dtype: compute type; parameters and logits are float32.
    """

    length: int
    tokens: int
    embedding: int = 32
    hidden: int = 32
    cell: CellFactory = lstm
    full: bool = False
    kernel_init: Initializer = normal(0.1)
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        shape = (self.tokens, self.embedding)
        self.table = self.param("embedding", self.kernel_init, shape, jnp.float32)
        self.recurrent = self.cell(self.hidden, self.kernel_init, self.dtype)
        self.out = Dense(self.tokens, kernel_init=self.kernel_init, dtype=self.dtype)

    def __call__(self, tokens: Array, *, train: bool = False) -> Array:
        """Logits float32 (B, T, tokens) of each of int32 (B, T) by those before it."""
        del train
        before = jnp.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=END)

        def step(own: RecurrentGenerator, state: PyTree, inputs: Array) -> Any:
            return own.recurrent(state, inputs)

        inputs = self._embedded(before).swapaxes(0, 1)
        _, h = _scan(step, self, self._start(len(tokens)), inputs)
        return self._logits(h.swapaxes(0, 1))

    def log_probs(self, tokens: Array, *, train: bool = False) -> Array:
        """Logarithms of G(y_t | y_<t), float32 (B, T), for tokens y int32 (B, T)."""
        logits = jax.nn.log_softmax(self(tokens, train=train))
        return jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]

    def draw(
        self, keys: Key, temperature: float | Array = 1.0, *, train: bool = False
    ) -> Array:
        """Texts of its own, int32 (B, T).

        Args:
            keys: one per text, (B,).
            temperature: that logits are divided by.
            train: changes nothing.
        """
        nothing = jnp.zeros((len(keys), self.length), jnp.int32)
        return self.complete(nothing, 0, keys, temperature, train=train)

    def complete(
        self,
        tokens: Array,
        given: int | Array,
        keys: Key,
        temperature: float | Array = 1.0,
        *,
        train: bool = False,
    ) -> Array:
        """Texts that begin as given ones (a roll-out of 1609.05473, equation 4).

        Args:
            tokens: int32 (B, T).
            given: how many tokens of them are kept, int ().
            keys: one per text, (B,).
            temperature: that logits are divided by.
            train: changes nothing.

        Returns:
            int32 (B, T), 0 behind an end.
        """
        del train

        def step(own: RecurrentGenerator, carry: PyTree, x: tuple[Array, Array]) -> Any:
            state, last, ended = carry
            place, kept = x
            state, h = own.recurrent(state, own._embedded(last))
            drawn = _choose(_at(keys, place), own._logits(h) / temperature)
            token = jnp.where(place < given, kept, drawn)
            token = jnp.where(ended, END, token)
            return (state, token, ended | (token == END)), token

        count = len(tokens)
        start = tracing.varying(
            (jnp.full(count, END, jnp.int32), jnp.zeros(count, jnp.bool_))
        )
        places = jnp.arange(self.length)
        carry = (self._start(count), *start)
        return _scan(step, self, carry, (places, tokens.T))[1].T

    def relax(
        self,
        keys: Key,
        temperature: float | Array,
        hard: bool = False,
        *,
        train: bool = False,
    ) -> Array:
        """Relaxed texts of its own, float32 (B, T, tokens), with gradients in its
        parameters: y_t = softmax((log pi_t + g_t) / temperature), g_t of Gumbel's
        distribution (1611.01144, equation 2), whose embedding is the next input
        (1611.04051, section 3). Behind an end there are ends alone, so far as it is one.

        Args:
            keys: one per text, (B,).
            temperature: above 0; near 0 rows are one-hot.
            hard: straight-through (1611.01144, section 2.2): rows are one-hot, their
                gradients those of the relaxed ones.
            train: changes nothing.
        """
        del train
        end = jax.nn.one_hot(END, self.tokens)[None]

        def step(own: RecurrentGenerator, carry: PyTree, place: Array) -> Any:
            state, last, going = carry
            state, h = own.recurrent(state, own._embedded(last))
            logits = jax.nn.log_softmax(own._logits(h))
            noise = prng.draw(
                _at(keys, place), lambda key: jax.random.gumbel(key, (own.tokens,))
            )
            y = jax.nn.softmax((logits + noise) / temperature)
            if hard:
                nearest = jax.nn.one_hot(y.argmax(axis=-1), own.tokens, dtype=y.dtype)
                y = nearest + (y - jax.lax.stop_gradient(y))
            y = going * y + (1.0 - going) * end
            return (state, y, going * (1.0 - y[:, END : END + 1])), y

        count = len(keys)
        first = jnp.broadcast_to(end, (count, self.tokens))
        start = tracing.varying((first, jnp.ones((count, 1))))
        carry = (self._start(count), *start)
        return _scan(step, self, carry, jnp.arange(self.length))[1].swapaxes(0, 1)

    def _start(self, count: int) -> PyTree:
        """The cell's state before the first token."""
        key, shape = jax.random.key(0), (count, self.embedding)
        state = self.recurrent.initialize_carry(key, shape)
        return tracing.varying(jax.tree.map(lambda x: x.astype(self.dtype), state))

    def _embedded(self, tokens: Array) -> Array:
        """Vectors (..., embedding) of tokens, or of relaxed ones."""
        return _embedded(self.table, tokens, self.dtype)

    def _logits(self, h: Array) -> Array:
        """Logits float32 (..., tokens) of states of the cell."""
        logits = self.out(h).astype(jnp.float32)
        if not self.full:
            return logits
        end = (jnp.arange(self.tokens) == END).reshape((1,) * (logits.ndim - 1) + (-1,))
        return jnp.where(end, _NEVER, logits)


def _scan(step: Callable[..., Any], module: linen.Module, carry: PyTree, xs: PyTree) -> Any:
    """`lax.scan` of a step of a module, whose parameters are the same at every turn."""
    run = linen.scan(step, variable_broadcast="params", split_rngs={"params": False})
    return run(module, carry, xs)


def _embedded(table: Array, tokens: Array, dtype: DTypeLike) -> Array:
    table = table.astype(dtype)
    if jnp.issubdtype(tokens.dtype, jnp.integer):
        return table[tokens]
    return tokens.astype(dtype) @ table


def _at(keys: Key, place: Array) -> Key:
    """Keys of a place in texts."""
    return jax.vmap(jax.random.fold_in, (0, None))(keys, place)


def _choose(keys: Key, logits: Array) -> Array:
    """One token of each row of logits (B, tokens), int32 (B,)."""

    # By one uniform number a row: Gumbel noise would be one for every token.
    def one(key: Key, weights: Array) -> Array:
        return jax.random.choice(key, weights.shape[0], p=weights).astype(jnp.int32)

    return jax.vmap(one)(keys, jax.nn.softmax(logits))


class TextDiscriminator(linen.Module):
    """Windows of several sizes over embeddings, their maxima over the text, one highway
    layer (1505.00387), dropout, a logit (1609.05473, section 3.3 and appendix).

    Attributes:
        tokens: size of the vocabulary, the end included.
        windows: sizes of windows and the number of filters of each.
        embedding: length of a token's vector.
        dropout: rate of features that are dropped in training.
        kernel_init: of windows and logit; N(0, 0.1^2), cut off, in the authors' code.
        dtype: compute type; parameters and logits are float32.
    """

    tokens: int
    windows: tuple[tuple[int, int], ...]
    embedding: int = 64
    dropout: float = 0.25
    kernel_init: Initializer = jax.nn.initializers.truncated_normal(0.1)
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, *, keys: Key | None = None, train: bool = False) -> Array:
        """Maps texts int32 (B, T), or relaxed ones float32 (B, T, tokens), to logits (B,);
        `keys` (B,) are of dropout, None for none.
        """
        del train
        shape = (self.tokens, self.embedding)
        table = self.param("embedding", _between, shape, jnp.float32)
        h = _embedded(table, x, self.dtype)[:, :, None]
        found = []
        for size, filters in self.windows:
            layer = Conv(
                filters,
                kernel_init=self.kernel_init,
                dtype=self.dtype,
                kernel_size=(size, 1),
                padding="VALID",
                name=f"window_{size}",
            )
            found.append(jax.nn.relu(layer(h)).max(axis=(1, 2)))
        h = highway(jnp.concatenate(found, axis=-1), self.dtype)
        h = dropout(h.astype(jnp.float32), keys, self.dropout, "dropout")
        return linear(h, None, None, self.kernel_init)


def _between(key: Key, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Uniform on [-1, 1]."""
    return jax.random.uniform(key, shape, dtype, -1.0, 1.0)


def highway(x: Array, dtype: DTypeLike = jnp.float32) -> Array:
    """A highway layer, t relu(W x + b) + (1 - t) x with t = sigmoid(W_t x + b_t)
    (1505.00387, equation 3). Called inside a compact module, which owns what it creates.

    Args:
        x: (B, F).
        dtype: compute type.

    Returns:
        (B, F).
    """
    width = x.shape[-1]
    init = glorot_uniform()
    made = Dense(width, kernel_init=init, dtype=dtype, name="highway")(x)
    gate = Dense(width, kernel_init=init, dtype=dtype, name="highway_gate")(x)
    t = jax.nn.sigmoid(gate)
    return t * jax.nn.relu(made) + (1.0 - t) * x
