"""The set-up as tables: what was measured, on what, and what was dropped on the way."""

from collections.abc import Iterator, Mapping
from typing import Any

from semdim.plots.tabulate import number
from semdim.results.read import ProbeResults

LABELS = {
    "name": "name",
    "architecture": "architecture",
    "n_layers": "blocks",
    "d_model": "width of the residual stream, d",
    "vocab_size": "vocabulary, V",
    "dict_size": "atoms in the dictionary, m",
    "hook_point": "hook point",
    "hook_name": "hook point",
    "mean_n_active_card": "mean active atoms on its card",
    "fingerprint": "fingerprint",
    "compute_dtype": "arithmetic",
    "backend": "back end",
    "batch_sequences": "sequences in a batch",
}
GROUPS = {"model": "model", "sae": "SAE", "tokens": "tokens", "engine": "engine", "bound": "bound"}
SINGLE = {
    "sample": "corpus of the bounds",
    "splice": "splice (is BOS replaced?)",
    "context": "tokens in a sequence (context)",
    "seed": "seed",
    "python": "Python",
}
COUNTS = ("role", "n_tokens", "n_sequences", "n_documents")


def words(key: str) -> str:
    """A key of a results file as words."""
    text = LABELS.get(key, key.replace("_", " "))
    return text[2:] + " (number)" if text.startswith("n ") else text


def value_words(key: str, value: Any) -> str:
    """A value as it is read: whole numbers with commas, fingerprints short."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key.endswith("fingerprint"):
        return f"{str(value)[:12]}…"
    if isinstance(value, int):
        return number(value, 0)
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, Mapping):
        return "; ".join(f"{words(str(k))} {value_words(str(k), v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return "not known" if value is None else str(value)


def facts_rows(probes: list[ProbeResults]) -> list[list[str]]:
    """Rows (what, a value for each probe) of models, SAEs, engine, packages."""
    rows: dict[str, dict[str, str]] = {}

    def enter(label: str, probe: ProbeResults, text: str) -> None:
        rows.setdefault(label, {})[probe.name] = text

    for probe in probes:
        for group, title in GROUPS.items():
            content = probe.setup.get(group)
            if isinstance(content, Mapping):
                for key, value in content.items():
                    enter(f"{title}: {words(key)}", probe, value_words(key, value))
        for key, label in SINGLE.items():
            if key in probe.setup:
                enter(label, probe, value_words(key, probe.setup[key]))
        if isinstance(probe.setup.get("packages"), Mapping):
            text = ", ".join(f"{name} {v}" for name, v in probe.setup["packages"].items())
            enter("packages", probe, text)
    return [[label, *(row.get(m.name, "") for m in probes)] for label, row in rows.items()]


def corpus_rows(probes: list[ProbeResults]) -> list[list[str]]:
    """A row per probe and corpus: role and counts."""
    return [
        [probe.name, corpus, *(value_words(name, facts.get(name)) for name in COUNTS)]
        for probe, corpus, facts in _corpora(probes)
    ]


def account_rows(probes: list[ProbeResults]) -> list[list[str]]:
    """A row per probe and corpus: what was read, used and left out, and what else is known."""
    rows = []
    for probe, corpus, facts in _corpora(probes):
        account = facts.get("account") or facts.get("dropped") or {}
        rest = {
            key: value
            for key, value in facts.items()
            if key not in (*COUNTS, "account", "dropped", "kind")
        }
        rows.append(
            [
                f"{probe.name}, {corpus}" if len(probes) > 1 else corpus,
                value_words("", account) if account else "nothing dropped",
                value_words("", rest) if rest else "",
            ]
        )
    return rows


def _corpora(probes: list[ProbeResults]) -> Iterator[tuple[ProbeResults, str, Mapping[str, Any]]]:
    for probe in probes:
        for corpus in probe.corpora:
            facts = probe.setup.get("corpora", {}).get(corpus)
            if isinstance(facts, Mapping):
                yield probe, corpus, facts
