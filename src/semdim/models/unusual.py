"""Settings of a configuration that back ends are known to drop, and whether they are set."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# Settings, and the values that stand for their absence.
_ABSENT: dict[str, tuple[Any, ...]] = {
    "mlp_bias": (False, None),
    "use_qkv_bias": (False, None),
    "final_logit_softcapping": (None,),
    "attn_logit_softcapping": (None,),
    "clip_qkv": (None,),
    "qk_layernorm": (False, None),
    "use_qk_norm": (False, None),
    "logit_scale": (None, 1, 1.0),
    "logits_scaling": (None, 1, 1.0),
    "residual_multiplier": (None, 1, 1.0),
    "embedding_multiplier": (None, 1, 1.0),
    "attention_multiplier": (None,),
    "scale_attn_by_inverse_layer_idx": (False, None),
    "word_embed_proj_dim": (None,),
    "do_layer_norm_before": (True, None),
}
# Settings whose usual value is the default of their own class: named where they differ from it.
_OF_CLASS = (
    "attention_bias", "use_parallel_residual", "parallel_attn", "hidden_act", "hidden_activation",
    "activation_function",
)  # fmt: skip
# Shapes, which are chosen for each size of model: named where nothing else is out of the ordinary.
_SHAPES = ("intermediate_size", "head_dim", "query_pre_attn_scalar", "tie_word_embeddings")
_ROTARY = (
    "rope_type", "factor", "partial_rotary_factor", "attention_factor", "rope_theta",
    "original_max_position_embeddings",
)  # fmt: skip


def reach(config: Any) -> int:
    """Tokens behind which a model attends differently: its window, or where scaled positions start.

    0 where there is neither.
    """
    starts = [rope.get("original_max_position_embeddings") or 0 for _, rope in _ropes(config)]
    starts.append(getattr(config, "original_max_position_embeddings", None) or 0)
    return max(int(value) for value in [window(config) or 0, *starts])


def window(config: Any) -> int | None:
    """The sliding window in tokens; None where no layer has one."""
    size = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if size is None:
        kinds = getattr(config, "attention_layers", None)
        size = getattr(config, "window_size", None)
        return int(size) if isinstance(size, int) and "local" in (kinds or ()) else None
    if kinds is not None:
        return int(size) if "sliding_attention" in kinds else None
    return int(size) if getattr(config, "use_sliding_window", True) else None


def likely_cause(config: Any) -> str:
    """A sentence that names the settings which are out of the ordinary for their class."""
    plain = _default(config)
    odd = dict(_unusual(config, plain))
    new = [text for key, text in odd.items() if _value(config, key) != _value(plain, key)]
    named = new or list(odd.values()) or [text for _, text in _differing(config, plain, _SHAPES)]
    if not named:
        return "Its configuration contains nothing unusual."
    if len(named) == 1:
        return f"The likely cause is {named[0]}."
    return f"The likely cause is one of: {'; '.join(named)}."


def _unusual(config: Any, plain: Any) -> Iterator[tuple[str, str]]:
    """Keys of ``config`` that are set, with a text that shows their values."""
    for where, rope in _ropes(config):
        shown = [
            f"{key} = {_short(rope[key])}"
            for key in _ROTARY
            if rope.get(key) not in (None, "default", 1.0)
        ]
        if shown == [f"rope_theta = {(_value(plain, where) or {}).get('rope_theta')}"]:
            continue
        if shown:
            yield where, f"{where} ({', '.join(shown)})"
    size = window(config)
    if size is not None:
        yield "sliding_window", f"sliding_window = {size}"
    for key, absent in _ABSENT.items():
        value = getattr(config, key, None)
        if value not in absent:
            yield key, f"{key} = {_short(value)}"
    yield from _differing(config, plain, _OF_CLASS)


def _differing(config: Any, plain: Any, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    for key in keys:
        value = getattr(config, key, None)
        if value not in (None, _value(plain, key)):
            yield key, f"{key} = {_short(value)}"


def _ropes(config: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Rotary parameters by their place in the configuration: one table, or one a kind of layer."""
    ropes = getattr(config, "rope_parameters", None)
    if not isinstance(ropes, Mapping):
        return
    nested = {key: value for key, value in ropes.items() if isinstance(value, Mapping)}
    if nested:
        yield from ((f"rope_parameters.{key}", value) for key, value in nested.items())
    else:
        yield "rope_parameters", ropes


def _default(config: Any) -> Any:
    """The configuration of the same class in which nothing was chosen."""
    try:
        return type(config)()
    except Exception:  # a class that cannot be made of nothing has no default
        return None


def _value(config: Any, key: str) -> Any:
    """A setting by its dotted name; None where there is none."""
    value = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else getattr(value, part, None)
    return value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
