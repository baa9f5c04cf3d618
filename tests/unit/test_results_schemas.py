"""The committed JSON Schemas are those of the records."""

import json
from pathlib import Path

import pytest
from record_schema import complaints

from semdim.errors import ArtifactError
from semdim.ledger.facts import CodesFacts, LedgerFacts
from semdim.results.schemas import RECORDS, schemas

FOLDER = Path(__file__).resolve().parents[2] / "docs/schemas"


@pytest.mark.parametrize("name", schemas())
def test_the_committed_schema_is_the_records(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == schemas()[name], (
        "run `python -m semdim.results.schemas --write docs/schemas`"
    )
    assert {path.name for path in FOLDER.iterdir()} == set(schemas())


def facts() -> LedgerFacts:
    return LedgerFacts(
        model="m", model_fingerprint="0", n_layers=2, d_model=8, vocab_size=100, sae="s",
        sae_fingerprint="1", sae_architecture="jumprelu", sae_mean_n_active=None,
        hook_name="blocks.1.hook_resid_pre", dict_size=16, corpus="english", n_tokens=64,
        n_sequences=2, n_documents=2, counts={"documents_read": 2}, versions={"gensim": "4"},
        documents=("a", "b"), context=32, splice="no_bos", compute_dtype="float32", seed=0,
        proxies={"model": "", "sae": "no_bos"}, codes=CodesFacts(0.9, 0.8, 0.0, 12.5),
    )  # fmt: skip


def test_a_ledgers_facts_are_a_record_that_its_schema_allows() -> None:
    text = facts().to_json()
    assert LedgerFacts.from_json(text, "x.parquet") == facts()
    content = json.loads(text)
    del content["schema_version"]
    schema = json.loads(schemas()["ledger_facts.schema.json"])
    schema["properties"].pop("schema", None)
    schema["required"] = [name for name in schema["required"] if name != "schema"]
    assert not complaints(content, schema)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": "many"}, "vocab_size"),
        ({"colour": "red"}, "colour"),
        ({"schema_version": 1}, "schema version 1"),
    ],
)
def test_facts_of_another_kind_are_refused(change: dict[str, object], message: str) -> None:
    text = json.dumps(json.loads(facts().to_json()) | change)
    with pytest.raises(ArtifactError, match=message):
        LedgerFacts.from_json(text, "x.parquet")
    names = {
        "certificate", "errors", "guardrail", "k_and_loss", "ledger_facts", "rank",
        "risk_thresholds", "setup", "verdict",
    }  # fmt: skip
    assert set(RECORDS) == names
