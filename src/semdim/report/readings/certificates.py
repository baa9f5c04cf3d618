"""What is proved, by which family, and how what goes through a proxy compares with holdout."""

from markupsafe import Markup

from semdim.plots.families import METHODS, curves, main_certificate, main_rows
from semdim.report.readings.published_bound import BOUNDS
from semdim.report.sentences import reading
from semdim.report.wording import confidence, count, join, num, say
from semdim.results.read import ProbeResults


def domination(probe: ProbeResults) -> tuple[int, int]:
    """Of the certificates of the proxy kind: how many were compared with holdout (same N, method
    and unit), and how many of them are not below it. srm_topk is one of its frontier's rows, and
    counts once."""
    rows = main_rows(probe)
    rows = rows[rows["is_certificate"] & rows["baseline"].notna()]
    keys = ["n_tokens_asked", "method", "unit"]
    holdout = rows[rows["family"] == "holdout"].set_index(keys)["total"].to_dict()
    proxy = rows[rows["family"].isin(["srm_topk_frontier", "pool_occam"])]
    pairs = [
        (float(total), float(holdout[key]))
        for key, total in zip(proxy[keys].itertuples(index=False, name=None), proxy["total"],
                              strict=True)
        if key in holdout
    ]  # fmt: skip
    return len(pairs), sum(total >= other - 1e-9 for total, other in pairs)


def _estimand(subject: object) -> str:
    """What a row is about, as a sentence; none where it does not say which mean it is."""
    mean = str(subject).partition(": ")[2]
    return f"The risk in question is the {mean}." if mean else ""


@reading("certified", section="certified", position=10)
def certified(probes: list[ProbeResults]) -> list[Markup]:
    """What is proved, by which family, and how holdout compares."""
    sentences = []
    for probe in probes:
        lines = [curve for curve in curves(probe) if curve.is_certificate]
        if not lines:
            sentences.append(
                say("{probe}: no certificate was computed for this sample.", probe=probe.name)
            )
            continue
        main = main_certificate(probe)
        delta = float(lines[0].last["failure_prob"])
        if main is not None:
            sentences.append(
                say(
                    "{probe}: with probability at least {confidence}, the model’s risk on new "
                    "text from the same source is at most <strong>{total} bits per token</strong> "
                    "(holdout, {method}; measured: {risk}, the same mean over {units} {unit}s "
                    "with {tokens} tokens; log₂V = {base}). {what}",
                    probe=probe.name,
                    confidence=confidence(delta),
                    total=num(main.last["total"], 2, BOUNDS),
                    method=METHODS.get(main.method, main.method),
                    risk=num(main.last["proxy_risk"], 2, BOUNDS),
                    units=count(main.last["n_units"], BOUNDS),
                    unit=main.unit,
                    tokens=count(main.last["n_tokens"], BOUNDS),
                    what=_estimand(main.last["subject"]),
                    base=num(main.last["baseline"], 2, BOUNDS),
                )
            )
        others = [
            say(
                "{name} {total}",
                name=curve.label,
                total=num(curve.last["total"], 2, BOUNDS),
            )
            for curve in lines
            if main is None or (curve.family, curve.method) != (main.family, main.method)
        ]
        if others:
            sentences.append(
                say(
                    "{probe}: the other certificates, at the largest N of each, in bits: "
                    "{others}. Each holds on its own; the smallest of several, picked after "
                    "seeing them, does not.",
                    probe=probe.name,
                    others=join(others),
                )
            )
        compared, dominated = domination(probe)
        if compared:
            sentences.append(
                say(
                    "{probe}: in {dominated} of {compared} comparisons with the same N and "
                    "method, the certificate that goes through a sparse proxy is not below "
                    "holdout.",
                    probe=probe.name,
                    dominated=count(dominated),
                    compared=count(compared),
                )
            )
    return sentences


@reading("all_at_once", section="certified", position=20)
def all_at_once(probes: list[ProbeResults]) -> list[Markup]:
    """Whether the points of a curve hold together, as the ledger of δ says."""
    ledgers = [
        str(text)
        for probe in probes
        for text in main_rows(probe)["failure_ledger"]
        if "predeclared" in str(text)
    ]
    if not ledgers:
        return []
    sentence = say(
        "The δ ledger shows that the points of a curve were predeclared and share δ (for "
        "instance: {ledger}), so each certificate’s curve holds at all its N simultaneously.",
        ledger=ledgers[0],
    )
    return [sentence]
