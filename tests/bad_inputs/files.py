"""Every kind of file that semdim reads, damaged in every way, through the reader that meets it."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bad_inputs.case import Bad, command
from tests.bad_inputs.damages import BINARY, CSV, JSON, PLACES, TEXT, YAML, Damage

PROBE = Path(__file__).parents[2] / "results" / "probes" / "smollm2-135m_layer15"
"""Real results, of which a few small files are copied."""


@dataclass(frozen=True)
class Kind:
    """A kind of file."""

    name: str
    whole: Callable[[], bytes]
    """A file that is read."""
    read: Callable[[Path], Any]
    """The reader, given the file."""
    damages: Mapping[str, Damage]
    fine: tuple[str, ...] = ()
    """Damages that leave a file which is rightly read."""
    is_optional: bool = False
    """Whether a damaged file counts as one that is not there: rightly, where it only saves time."""


def _probe(name: str) -> Callable[[], bytes]:
    return lambda: (PROBE / name).read_bytes()


def _json(content: Any) -> Callable[[], bytes]:
    return lambda: json.dumps(content).encode()


def _fill(folder: Path, *but: str) -> None:
    """Whole files of a probe beside the bad one."""
    for name in ("bounds.csv", "bound.json", "setup.json", "params.yaml"):
        if name not in but:
            rows = (PROBE / name).read_bytes().split(b"\n")
            (folder / name).write_bytes(b"\n".join(rows[:40] if name == "bounds.csv" else rows))


def _threshold(path: Path) -> Any:
    from semdim.monitor.threshold import read_threshold

    return read_threshold(path)


def _k_and_loss(path: Path) -> Any:
    from semdim.records import read_record
    from semdim.results.k_and_loss import KAndLoss

    return read_record(path, KAndLoss)


def _hook(path: Path) -> Any:
    from semdim.monitor.exports import read_hook

    return read_hook(path)


def _model_facts(path: Path) -> Any:
    from semdim.models.facts import read_facts

    return read_facts(path.parent)


def _sae_facts(path: Path) -> Any:
    from semdim.saes.facts import read_facts

    return read_facts(path.parent)


def _manifest(path: Path) -> Any:
    from semdim.artifacts.shards import Artifact

    return Artifact.open(path.parent)


def _chain(path: Path) -> Any:
    from semdim.artifacts.chain import names

    return names(path)


def _keys(path: Path) -> Any:
    from semdim.artifacts.kept import KeptFolder

    return KeptFolder(path.with_name("losses")).holds("a", "b")


def _summary(path: Path) -> Any:
    folder = path.parent / "probes" / "p"
    folder.mkdir(parents=True)
    _fill(folder, path.name)
    path.rename(folder / path.name)
    return command("summary", str(path.parent))


def _compare(path: Path) -> Any:
    from semdim.compare.side import read_side

    but = ("params.yaml",) if path.name == "row.json" else ()
    _fill(path.parent, path.name, *but)
    return read_side(str(path.parent))


def _probe_results(path: Path) -> Any:
    from semdim.results.read import read_probe

    _fill(path.parent, path.name)
    return read_probe(path.parent)


def _certificate(path: Path) -> Any:
    from semdim.certificate.verify import read_certificate

    return read_certificate(path)


def _activations(path: Path) -> Any:
    from semdim.training.store import read_facts

    return read_facts(path)


def _index(path: Path) -> Any:
    from semdim.models.checkpoint import weight_files

    return weight_files(path.parent)


def _tokenizer(path: Path) -> Any:
    from semdim.models.tokenizer_files import check_tokenizer_files

    return check_tokenizer_files(path.parent)


def _config(path: Path) -> Any:
    from semdim.models.read import read_source
    from semdim.models.spec import ModelSource

    return read_source(ModelSource(kind="folder", path=str(path.parent)), path.parent / "out")


def _sae(path: Path) -> Any:
    from semdim.saes.fetch import load_source
    from semdim.saes.spec import SAESource

    (path.parent / "sae_weights.safetensors").touch()
    return load_source(SAESource(kind="folder", path=str(path.parent)))


def _rates(path: Path) -> Any:
    from semdim.rates import read_rates

    return read_rates(path)


def _memory(path: Path) -> Any:
    from stages.support import cached, intact

    (path.parent / "ledger.parquet").touch()
    for where in (intact.MEMORY, cached.MEMORY, intact.NOTES / "ledger.parquet.json"):
        (path.parent / where).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / where).symlink_to(path)
    (path.parent / "dvc.lock").touch()
    (path.parent / ".dvc/cache/files/md5").mkdir(parents=True)
    return intact.check(("ledger.parquet",), path.parent), cached.remove_damaged(path.parent)


def _point(path: Path) -> Any:
    from stages.support.collected import collect

    folder = path.parent / "sweep" / "0"
    folder.mkdir(parents=True)
    path.rename(folder / "row.json")
    return collect(folder.parent)


def _plan(path: Path) -> Any:
    return command("plan", "--params", str(path))


def _bound(path: Path) -> Any:
    _fill(path.parent, path.name)
    return command("bound", "--from", str(path.parent))


def _ledger(path: Path) -> Any:
    from semdim.ledger.table import read_table

    return read_table(path)


def _header(path: Path) -> Any:
    from semdim.models.checkpoint import check_files

    return check_files(path.parent)


def _shard(path: Path) -> Any:
    from semdim.saes.load import stored_weights

    return stored_weights(path.parent)


def _safetensors() -> bytes:
    from numpy import ones
    from safetensors.numpy import save

    return save({"W_enc": ones((2, 2), "float32")})


def _parquet() -> bytes:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2, 3]}), out)
    return out.getvalue()


MODEL_FACTS = {
    "name": "m", "architecture": "LlamaForCausalLM", "n_layers": 2, "d_model": 8, "vocab_size": 40,
    "bos_token_id": 1, "special_token_ids": [1, 2], "n_context": 64, "fingerprint": "ab",
    "compared_tokens": 66, "source": {"kind": "random"}, "origin": {}, "refused": {},
}  # fmt: skip
SAE_FACTS = {
    "name": "s", "architecture": "standard", "d_in": 8, "dict_size": 32,
    "hook_name": "blocks.1.hook_resid_pre", "hook_layer": 1, "start_layer": 1, "prepend_bos": True,
    "context_size": 64, "model_name": "m", "vocab_size": 40, "normalize_activations": "none",
    "input_scale": 1.0,
    "processing": {
        "fold_ln": False, "center_writing_weights": False, "center_unembed": False,
        "fold_value_biases": False,
    },
    "apply_b_dec_to_input": False, "constant_n_active": False, "mean_n_active": 3.0,
    "fingerprint": "cd", "source": {},
}  # fmt: skip
SHARD = {"file": "shard-00000.safetensors", "checksum": "ab", "tensors": {}}
HOOK = {
    "model": "m", "hook_name": "blocks.1.hook_resid_pre", "processing": SAE_FACTS["processing"],
}  # fmt: skip
RATE = {
    "stage": "s", "model": "m", "compute_dtype": "float32", "processor": "p", "n_tokens": 1,
    "seconds": 1.0, "gflop_per_s": 2.0,
}  # fmt: skip
ACTIVATIONS = {
    "fingerprint": "ab", "median_norm": 1.0, "norm_limit": 10.0, "mean_norm": 1.0, "mean": [0.5],
}  # fmt: skip
OF_JSON = {**TEXT, **JSON}
KINDS = (
    Kind("guardrail.json", _probe("guardrail.json"), _threshold, OF_JSON),
    Kind("k_and_loss.json", _probe("k_and_loss.json"), _k_and_loss, OF_JSON),
    Kind("hook.json", _json(HOOK), _hook, OF_JSON),
    Kind("model/facts.json", _json(MODEL_FACTS), _model_facts, OF_JSON),
    Kind("sae/facts.json", _json(SAE_FACTS), _sae_facts, OF_JSON),
    Kind("manifest.json", _json({"schema_version": 1, "facts": {}, "shards": [SHARD]}), _manifest,
         OF_JSON),
    Kind("link.json", _json({"links": [{"name": "a", "files": {}}]}), _chain, OF_JSON),
    Kind("losses.keys.json", _json({"a": {"key": "b", "manifest": "c"}}), _keys, OF_JSON,
         is_optional=True),
    Kind("bound.json", _probe("bound.json"), _summary, OF_JSON),
    Kind("setup.json", _probe("setup.json"), _probe_results, OF_JSON,
         ("an empty object", "another's object")),
    Kind("verdict.json", _probe("verdict.json"), _probe_results, OF_JSON,
         ("an empty object", "another's object")),
    Kind("row.json", _json({"config": {"seed": 0}, "results": {"a": 1}}), _compare, OF_JSON),
    Kind("point/row.json", _json({"config": {"seed": 0}, "results": {"a": 1}}), _point, OF_JSON),
    Kind("model.safetensors.index.json", _json({"weight_map": {}}), _index, OF_JSON),
    Kind("tokenizer.json", _json({"model": {}}), _tokenizer, OF_JSON,
         ("an empty object", "another's object")),
    Kind("config.json", _json({"model_type": "none"}), _config,
         {key: OF_JSON[key] for key in OF_JSON if "object" not in key}),
    Kind("cfg.json", _json({"architecture": "standard"}), _sae,
         {key: OF_JSON[key] for key in OF_JSON if "object" not in key}),
    Kind("rates.json", _json({"rates": [RATE]}), _rates, OF_JSON, is_optional=True),
    Kind("hashed.json", _json({"none.parquet": "1 2 3 ab"}), _memory, OF_JSON, is_optional=True),
    Kind("params.yaml", _probe("params.yaml"), _plan, {**TEXT, **YAML}),
    Kind("recorded/params.yaml", _probe("params.yaml"), _compare, {**TEXT, **YAML},
         ("an empty mapping",)),
    Kind("certificate.json", _probe("certificate.json"), _certificate, OF_JSON),
    Kind("activations/facts.json", _json(ACTIVATIONS), _activations, OF_JSON),
    Kind("bounds.csv", _probe("bounds.csv"), _bound, {**TEXT, **CSV}),
    Kind("uncertainty.csv", _probe("uncertainty.csv"), _probe_results, {**TEXT, **CSV},
         ("cut in half", "a header alone")),
    Kind("proxies.csv", _probe("proxies.csv"), _probe_results, {**TEXT, **CSV},
         ("cut in half", "a header alone")),
    Kind("scores.parquet", _parquet, _ledger, BINARY),
    Kind("model.safetensors", _safetensors, _header, BINARY),
    Kind("sae_weights.safetensors", _safetensors, _shard, BINARY),
)  # fmt: skip


def cases() -> Iterator[Bad]:
    """Every kind of file with every damage, and with everything that may be in its place."""
    for kind in KINDS:
        name = kind.name.split("/")[-1]
        for what, damage in kind.damages.items():
            right = (lambda _: True) if kind.is_optional or what in kind.fine else None
            yield Bad(f"{kind.name} {what}", _give(kind, name, damage), right=right)
        for what, put in PLACES.items():
            right = (lambda _: True) if kind.is_optional else None
            yield Bad(f"{kind.name}: {what}", _place(kind, name, put), right=right)


def _give(kind: Kind, name: str, damage: Damage) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        path = folder / name
        path.write_bytes(damage(kind.whole()))
        return kind.read(path)

    return give


def _place(kind: Kind, name: str, put: Callable[[Path], None]) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        put(folder / name)
        return kind.read(folder / name)

    return give
