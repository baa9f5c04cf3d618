"""A tiny untrained model with a real tokenizer: the whole pipeline in seconds, for smoke runs."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from semdim.errors import ConfigError
from semdim.models.spec import ModelSource

BOS_TOKEN = "<|bos|>"

# Modules of the standard library with much English in their comments: text that every machine has.
_TEXT_MODULES = ("argparse", "heapq", "random", "statistics", "textwrap")

# Standard deviation of the weights. Larger than the usual 0.02, so that attention and MLPs move
# the residual stream enough for a splice to show in the loss.
_WEIGHT_STD = 0.2


def build_tiny(source: ModelSource) -> tuple[Any, Any]:
    """Model and tokenizer of transformers for a source of kind `random`; deterministic by seed."""
    tokenizer = train_tokenizer(standard_library_text(), _whole(source.vocab_size))
    devices: list[int] = []
    with torch.random.fork_rng(devices):
        torch.manual_seed(_whole(source.seed))
        model = _llama(source) if source.architecture == "llama" else _gpt2(source)
    return model.eval(), tokenizer


def standard_library_text() -> Iterator[str]:
    """Lines of a few modules of the interpreter's standard library."""
    for name in _TEXT_MODULES:
        spec = find_spec(name)
        if spec is None or spec.origin is None or not Path(spec.origin).is_file():
            raise ConfigError(f"This Python has no source for its module {name!r} to learn from.")
        yield from Path(spec.origin).read_text(encoding="utf-8").splitlines(keepends=True)


def train_tokenizer(text: Iterable[str], vocab_size: int) -> Any:
    """A byte-level BPE tokenizer of exactly `vocab_size` tokens; BOS is token 0.

    Raises ConfigError when the text is too short for so many tokens.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[BOS_TOKEN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(text, trainer)
    if core.get_vocab_size() != vocab_size:
        raise ConfigError(
            f"The text for the tokenizer yields {core.get_vocab_size()} tokens, not {vocab_size}: "
            f"choose a smaller vocab_size."
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=BOS_TOKEN, eos_token=BOS_TOKEN, unk_token=None
    )


def _llama(source: ModelSource) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    width = _whole(source.d_model)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=_whole(source.vocab_size),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=_whole(source.n_layers),
            num_attention_heads=_whole(source.n_heads),
            num_key_value_heads=max(1, _whole(source.n_heads) // 2),
            max_position_embeddings=_whole(source.n_context),
            initializer_range=_WEIGHT_STD,
            tie_word_embeddings=False,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=None,
        )
    )


def _gpt2(source: ModelSource) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=_whole(source.vocab_size),
            n_embd=_whole(source.d_model),
            n_layer=_whole(source.n_layers),
            n_head=_whole(source.n_heads),
            n_positions=_whole(source.n_context),
            initializer_range=_WEIGHT_STD,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def _whole(value: int | None) -> int:
    """A setting that `ModelSource` has checked to be there."""
    assert value is not None
    return value
