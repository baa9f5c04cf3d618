"""What a tokenizer says about token ids: which are never text, and whether it always agrees."""

import json
from typing import Any

from semdim.errors import MismatchError


def special_ids(tokenizer: Any) -> tuple[int, ...]:
    """Ids of control tokens, ascending."""
    special = set(tokenizer.all_special_ids)
    special |= {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return tuple(sorted(int(i) for i in special))


def unused_ids(tokenizer: Any, vocab_size: int) -> tuple[int, ...]:
    """Ids below ``vocab_size`` that the tokenizer has no token for, ascending.

    No text produces them: the vocabulary was padded (Pythia, Qwen, Phi), and their embeddings were
    never trained.
    """
    return tuple(sorted(set(range(vocab_size)) - set(tokenizer.get_vocab().values())))


def no_text(tokenizer: Any, vocab_size: int) -> tuple[int, ...]:
    """Ids that text never contains: `special_ids` and `unused_ids`, ascending."""
    return tuple(sorted({*special_ids(tokenizer), *unused_ids(tokenizer, vocab_size)}))


def check_vocabulary(tokenizer: Any, vocab_size: int) -> None:
    """Refuse a tokenizer that gives ids which the model does not have.

    Raises:
        MismatchError: a token that is not special lies beyond the model's vocabulary.
    """
    special = set(special_ids(tokenizer))
    beyond = {
        token: i
        for token, i in tokenizer.get_vocab().items()
        if i >= vocab_size and i not in special
    }
    if beyond:
        token = min(beyond, key=beyond.__getitem__)
        raise MismatchError(
            f"{len(beyond)} tokens of the tokenizer lie beyond the model's vocabulary of "
            f"{vocab_size} (the first is {token!r}, id {beyond[token]}): the tokenizer belongs to "
            "another model; put the right one into the folder."
        )


def make_deterministic(tokenizer: Any) -> None:
    """Switch off what makes a tokenizer draw at random: BPE dropout, in place.

    Raises:
        MismatchError: it samples in a way that cannot be switched off.
    """
    core = getattr(tokenizer, "backend_tokenizer", None)
    if core is None:
        sampling = getattr(tokenizer, "sp_model_kwargs", None) or {}
        if sampling.get("enable_sampling"):
            raise MismatchError(
                "The tokenizer draws its tokens at random (enable_sampling): remove that from its "
                "tokenizer_config.json."
            )
        return
    if getattr(core.model, "dropout", None):
        core.model.dropout = None
    if json.loads(core.to_str())["model"].get("dropout"):
        raise MismatchError(
            "The tokenizer drops merges at random (dropout): set it to null in its tokenizer.json."
        )
