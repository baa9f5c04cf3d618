"""Settings that cannot be meant, and fields of records that hold another kind of value."""

import copy
import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.bad_inputs import files
from tests.bad_inputs.case import Bad

PARAMS = Path(__file__).parents[2] / "params.yaml"
#: Dotted names of settings, and what is put there.
SETTINGS: tuple[tuple[str, Any], ...] = (
    ("seed", -1), ("seed", 2**64), ("seed", 1.5), ("seed", "x"), ("seed", None), ("seed", True),
    ("splice", "some"), ("splice", None), ("splice", []), ("plugins", "not.there"),
    ("plugins", 3), ("tokens", None), ("tokens", "x"), ("tokens", []), ("tokens.context", 0),
    ("tokens.context", 1), ("tokens.context", -8), ("tokens.context", 1.5),
    ("tokens.context", "many"), ("tokens.context", float("nan")), ("tokens.context", 10**400),
    ("tokens.prepend_bos", False), ("tokens.prepend_bos", "yes"),
    ("tokens.max_sequences_per_document", 0), ("grid", None), ("grid", "x"), ("grid", []),
    ("grid.model", []), ("grid.model", ["nope"]), ("grid.probe", []), ("grid.probe", ["nope"]),
    ("grid.corpus", []), ("grid.corpus", ["english", "nope"]), ("grid.sample", "nope"),
    ("grid.proxy", None), ("grid.proxy", ["model"]), ("grid.proxy", ["model", "sae", "x"]),
    ("grid.proxy", ["model", "sae", "topk_-1"]), ("grid.pool", ["topk_8"]),
    ("models", None), ("models", {}), ("models", []), ("models", "x"), ("probes", None),
    ("probes", {}), ("probes", 3), ("corpora", None), ("corpora", {}), ("corpora", [1]),
    ("bound", None), ("bound.failure_prob", 0), ("bound.failure_prob", 1),
    ("bound.failure_prob", float("nan")), ("bound.failure_prob", "x"), ("bound.smoothing", 0),
    ("bound.smoothing", 1), ("bound.smoothing", float("inf")), ("bound.smoothing", "half"),
    ("bound.n_tokens", []), ("bound.n_tokens", [0]), ("bound.n_tokens", ["x"]),
    ("bound.n_tokens", [1e400]), ("bound.n_tokens", [10**400]), ("engine", None),
    ("engine.device", "tpu"), ("engine.compute_dtype", "int4"), ("engine.n_threads", 0),
    ("engine.backend", "jax"), ("uncertainty", None), ("uncertainty", "x"), ("tracking", 3),
    ("unknown", 1), ("bound.unknown", 1), ("Seed", 1),
)  # fmt: skip
#: Values for the fields of a record, none of which fits.
WRONG = {"an object": {"a": {}}, "a list of lists": [[]], "true": True}
RECORDS = (
    ("model/facts.json", files.MODEL_FACTS, ("name", "n_layers", "special_token_ids", "source")),
    ("sae/facts.json", files.SAE_FACTS, ("name", "d_in", "input_scale", "processing")),
    ("hook.json", files.HOOK, ("model", "hook_name", "processing")),
)
#: Values of bound.json that `summary` prints.
NUMBERS = ("as_published_total", "as_published_crossing_n_tokens", "n_tokens", "baseline",
           "holdout_betting_total", "faithfulness_sae_total")  # fmt: skip


def cases() -> Iterator[Bad]:
    for name, value in SETTINGS:
        shown = repr(value) if len(repr(value)) < 40 else f"{repr(value)[:9]}…"
        yield Bad(f"setting {name} = {shown}", _setting(name, value))
    readers = {kind.name: kind.read for kind in files.KINDS}
    for kind, content, fields in RECORDS:
        for field in fields:
            for what, value in WRONG.items():
                if field == "source" and what == "an object":
                    continue
                give = _field(readers[kind], kind, content | {field: value})
                yield Bad(f"{kind} with {field} = {what}", give)
            rest = {key: item for key, item in content.items() if key != field}
            yield Bad(f"{kind} without {field}", _field(readers[kind], kind, rest), field)
    for number in NUMBERS:
        for value in ("x", True, [1], {}):
            yield Bad(f"bound.json with {number} = {value!r}", _number(number, value), number)


def _setting(name: str, value: Any) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        from semdim.registry import load_plugins
        from semdim.settings import read_settings

        params = copy.deepcopy(_params())
        *path, last = name.split(".")
        section = functools.reduce(lambda found, key: found[key], path, params)
        section[last] = value
        if last == "plugins":
            load_plugins(value)
        return read_settings(params)

    return give


@functools.cache
def _params() -> dict[str, Any]:
    from semdim.reading import read_yaml

    return read_yaml(PARAMS)


def _field(read: Callable[[Path], Any], kind: str, content: Any) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        path = folder / kind.split("/")[-1]
        path.write_text(json.dumps(content))
        return read(path)

    return give


def _number(name: str, value: Any) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        numbers = json.loads((files.PROBE / "bound.json").read_text())
        (folder / "bound.json").write_text(json.dumps(numbers | {name: value}))
        return next(k for k in files.KINDS if k.name == "bound.json").read(folder / "bound.json")

    return give
