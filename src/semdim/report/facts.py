"""The facts at the head of the page: what was measured, with which settings, when and where."""

from collections.abc import Callable, Iterable

from semdim.plots.families import main_rows, main_smoothing
from semdim.plots.tabulate import number
from semdim.report.made import Made
from semdim.results.read import ProbeResults


def header_facts(probes: list[ProbeResults], made: Made) -> list[tuple[str, list[str]]]:
    """(what, its values): one value where all probes agree, else one a probe. What no results file
    tells is left out."""
    asked: list[tuple[str, Callable[[ProbeResults], str]]] = [
        ("Model", _model),
        ("Autoencoder", _sae),
        ("Sample", _sample),
        ("Smoothing α", lambda probe: _plain(main_smoothing(probe.table("bounds")))),
        ("Failure probability δ", _failure_prob),
        ("Arithmetic", _engine),
        ("Versions", _versions),
    ]
    rows = [(what, _distinct(tell(probe) for probe in probes)) for what, tell in asked]
    rows.append(("Written", [made.words] if made.words else []))
    return [(what, values) for what, values in rows if values]


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))


def _plain(value: object) -> str:
    return "" if value is None else f"{value:g}"


def _model(probe: ProbeResults) -> str:
    facts = probe.setup.get("model") or {}
    if "name" not in facts:
        return ""
    size = f" ({number(facts.get('n_layers'), 0)} blocks, V = {number(facts.get('vocab_size'), 0)})"
    return f"{facts['name']}{size}{_weights(probe)}"


def _weights(probe: ProbeResults) -> str:
    """Where the weights are from, where that makes it another model: a GGUF file is quantised."""
    entry = (probe.settings.get("probes") or {}).get(probe.name) or {}
    source = (probe.settings.get("models") or {}).get(entry.get("model")) or {}
    if source.get("kind") != "gguf_package" and not source.get("gguf_file"):
        return ""
    where = source.get("package") or source.get("gguf_file")
    return f", with quantised weights (GGUF, from {where})"


def _sae(probe: ProbeResults) -> str:
    facts = probe.setup.get("sae") or {}
    if "name" not in facts:
        return ""
    where = facts.get("hook_point") or facts.get("hook_name") or "its hook point"
    atoms = number(facts.get("dict_size"), 0)
    return f"{facts['name']}: {facts.get('architecture', 'SAE')}, m = {atoms} atoms, at {where}"


def _sample(probe: ProbeResults) -> str:
    name = probe.setup.get("sample")
    facts = (probe.setup.get("corpora") or {}).get(name) or {}
    if not facts:
        return ""
    documents, tokens = (number(facts.get(key), 0) for key in ("n_documents", "n_tokens"))
    context = number(probe.setup.get("context"), 0)
    length = f" in sequences of {context}" if context else ""
    return f"{name}: {documents} documents, {tokens} tokens{length}"


def _failure_prob(probe: ProbeResults) -> str:
    values = main_rows(probe)["failure_prob"].dropna()
    if values.empty:
        return ""
    return f"{float(values.iloc[0]):g} (confidence {1.0 - float(values.iloc[0]):.4g})"


def _engine(probe: ProbeResults) -> str:
    facts = probe.setup.get("engine") or {}
    keys = ("compute_dtype", "processor", "instructions", "machine", "backend")
    known = [str(facts[key]) for key in keys if facts.get(key)]
    return ", ".join(known)


def _versions(probe: ProbeResults) -> str:
    packages = probe.setup.get("packages") or {}
    found = [f"{name} {packages[name]}" for name in ("semdim", "torch") if packages.get(name)]
    if found and probe.setup.get("python"):
        found.append(f"Python {probe.setup['python']}")
    return ", ".join(found)
