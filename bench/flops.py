"""The arithmetic that no implementation can avoid: multiplications and additions per token.

Counted are matrix products alone, two operations for each weight that a token meets. Attention
scores and their sums are counted over the positions that a token may look at, (T + 1)/2 on average.
Norms, activation functions, rotations and the softmax over the vocabulary are left out, so that the
limit is never above what a machine could do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shapes:
    """The sizes of a model, of the SAE at its hook point, and of a sequence."""

    n_layers: int
    start_layer: int
    """Blocks of the prefix; the others are the suffix."""
    d_model: int
    n_heads: int
    n_key_value_heads: int
    d_head: int
    d_mlp: int
    is_gated: bool
    """The MLP has a gate: three matrices instead of two."""
    vocab_size: int
    dict_size: int
    n_active: float
    """Mean k: the atoms that a reconstruction adds up."""
    context: int

    @classmethod
    def of(
        cls, config: Any, start_layer: int, dict_size: int, n_active: float, context: int
    ) -> "Shapes":
        """From TransformerLens's configuration of a model."""
        return cls(
            n_layers=config.n_layers,
            start_layer=start_layer,
            d_model=config.d_model,
            n_heads=config.n_heads,
            n_key_value_heads=config.n_key_value_heads or config.n_heads,
            d_head=config.d_head,
            d_mlp=config.d_mlp,
            is_gated=bool(config.gated_mlp),
            vocab_size=config.d_vocab,
            dict_size=dict_size,
            n_active=n_active,
            context=context,
        )


@dataclass(frozen=True)
class Product:
    """A weight matrix, and how often a token meets one of its shape."""

    name: str
    d_in: int
    d_out: int
    times: float
    is_float32: bool = False
    """Whatever the model's dtype: the SAE encodes in float32."""

    @property
    def flop(self) -> float:
        """Operations per token."""
        return 2.0 * self.d_in * self.d_out * self.times


def products(shapes: Shapes, n_proxies: int = 2) -> Iterator[Product]:
    """The weight matrices on the way from tokens to the losses of ``n_proxies`` proxies.

    The prefix is met once, the suffix and the unembedding once for each proxy (the last position
    of a sequence predicts nothing), the encoder once.
    """
    d, heads = shapes.d_model, shapes.n_heads * shapes.d_head
    blocks = shapes.start_layer + n_proxies * (shapes.n_layers - shapes.start_layer)
    yield Product("query", d, heads, blocks)
    yield Product("key, value", d, shapes.n_key_value_heads * shapes.d_head, 2 * blocks)
    yield Product("attention out", heads, d, blocks)
    yield Product("mlp in", d, shapes.d_mlp, blocks * (2 if shapes.is_gated else 1))
    yield Product("mlp out", shapes.d_mlp, d, blocks)
    predictions = (shapes.context - 1) / shapes.context
    yield Product("unembedding", d, shapes.vocab_size, n_proxies * predictions)
    yield Product("encoder", d, shapes.dict_size, 1, is_float32=True)


def attention_flop(shapes: Shapes, n_proxies: int = 2) -> float:
    """Scores and weighted sums per token: two products over the mean number of visible tokens."""
    blocks = shapes.start_layer + n_proxies * (shapes.n_layers - shapes.start_layer)
    return 2 * 2.0 * shapes.n_heads * shapes.d_head * (shapes.context + 1) / 2 * blocks


def decode_flop(shapes: Shapes, n_reconstructions: int = 1) -> float:
    """Adding up the active atoms of a token, once for each reconstruction."""
    return 2.0 * shapes.n_active * shapes.d_model * n_reconstructions


def flop_per_token(shapes: Shapes, n_proxies: int = 2) -> float:
    """Operations from a token to its row of the ledger, ``model`` being one of the proxies."""
    return (
        sum(product.flop for product in products(shapes, n_proxies))
        + attention_flop(shapes, n_proxies)
        + decode_flop(shapes, n_proxies - 1)
    )


def limit_seconds(
    shapes: Shapes, rates: dict[str, float], float32_rate: float, n_proxies: int = 2
) -> float:
    """Seconds per token if nothing but matrix products took time.

    Args:
        rates: operations per second by the name of the product, in the model's dtype (the
            encoder's in float32).
        float32_rate: the rate at which atoms are added up.
    """
    timed = [(product.flop, rates[product.name]) for product in products(shapes, n_proxies)]
    of_model = [(flop, rate) for flop, rate in timed[:-1]]
    mean_rate = sum(flop for flop, _ in of_model) / sum(flop / rate for flop, rate in of_model)
    return (
        sum(flop / rate for flop, rate in timed)
        + attention_flop(shapes, n_proxies) / mean_rate
        + decode_flop(shapes, n_proxies - 1) / float32_rate
    )
