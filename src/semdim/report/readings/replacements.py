"""What the autoencoder costs: readings of faithfulness, ablations, splices and the signed gap."""

import pandas as pd
from markupsafe import Markup

from semdim.plots.families import METHODS, main_certificate, main_rows
from semdim.plots.selections.proxy_rows import (
    SPLICES,
    ablation_rows,
    base_name,
    default_splice,
    faithfulness_rows,
)
from semdim.report.sentences import reading
from semdim.report.wording import compare, confidence, count, join, num, say, text_words
from semdim.results.read import ProbeResults

BOUNDS, PROXIES = "bounds.csv", "proxies.csv"


def _row(probe: ProbeResults, name: str, splice: str | None = None) -> "pd.Series[float] | None":
    rows = ablation_rows(probe)
    chosen = default_splice(probe) if splice is None else splice
    found = rows[rows["proxy"].map(base_name) == name]
    if name != "model":
        found = found[found["splice"] == chosen]
    return None if found.empty else found.iloc[0]


@reading("faithful", figure="faithfulness")
def faithful(probes: list[ProbeResults]) -> list[Markup]:
    """The faithfulness certificate in words."""
    sentences = []
    for probe in probes:
        rows = faithfulness_rows(probe)
        sae = rows[rows["proxy"].map(base_name) == "sae"]
        if sae.empty:
            continue
        row = sae.iloc[0]
        sentences.append(
            say(
                "{probe}: with probability {confidence}, on new text from the same source this SAE "
                "changes the mean loss of {text} by at most <strong>{upper} bits per "
                "token</strong> on average ({mean} in the sample; {units} {unit}s{method})."
                "{tokens}",
                probe=probe.name,
                text=text_words(probe.setup.get("context")),
                tokens=_of_tokens(probe),
                confidence=confidence(float(row["failure_prob"])),
                upper=num(row["total"], 3, BOUNDS),
                mean=num(row["gap"], 3, BOUNDS),
                units=count(row["n_units"], BOUNDS),
                unit=str(row["unit"]),
                method=f", {METHODS.get(row['method'], row['method'])}" if row["method"] else "",
            )
        )
        own = main_certificate(probe)
        if own is None or own.unit != row["unit"] or own.last["n_units"] != row["n_units"]:
            continue  # a share of another mean would be no share
        risk = float(own.last["proxy_risk"])
        if risk > 0.0:
            sentences.append(
                say(
                    "{probe}: the model’s own mean loss on the same {units} {unit}s is {risk} "
                    "bits; the certified change is {share} of that.",
                    probe=probe.name,
                    units=count(row["n_units"], BOUNDS),
                    unit=str(row["unit"]),
                    risk=num(risk, 2, BOUNDS),
                    share=num(float(row["total"]) / risk, 1, percent=True),
                )
            )
    return sentences


def _of_tokens(probe: ProbeResults) -> Markup:
    """The change of a token's loss, in which nothing cancels."""
    rows = faithfulness_rows(probe, "faithfulness_tokens")
    rows = rows[rows["proxy"].map(base_name) == "sae"]
    if rows.empty:
        return Markup("")
    return say(
        " It changes a token’s loss by at most {upper} bits on average ({mean} in the sample); "
        "within a text, the changes partly cancel.",
        upper=num(rows.iloc[0]["total"], 3, BOUNDS),
        mean=num(rows.iloc[0]["gap"], 3, BOUNDS),
    )


@reading("faithful_to_each", figure="faithfulness", position=60)
def faithful_to_each(probes: list[ProbeResults]) -> list[Markup]:
    """How many documents may be changed by more."""
    sentences = []
    for probe in probes:
        rows = main_rows(probe)
        rows = rows[rows["family"] == "faithfulness_quantile"]
        if rows.empty:
            continue
        parts = [
            say(
                "{level} bits in at most {share}",
                share=num(row["share_above"], 0, BOUNDS, percent=True),
                level=num(row["total"], 3, BOUNDS),
            )
            for row in rows.to_dict("records")
        ]
        sentences.append(
            say(
                "{probe}: with probability {confidence} for all of these simultaneously, it "
                "changes the mean loss of {text} by more than {parts} of new documents.",
                probe=probe.name,
                confidence=confidence(float(rows.iloc[0]["failure_prob"])),
                text=text_words(probe.setup.get("context")),
                parts=join(parts),
            )
        )
    return sentences


def _part(row: pd.Series, sae: pd.Series) -> Markup:
    """Where a proxy was run on fewer sequences than the SAE."""
    here, all_of_it = row["n_sequences"], sae["n_sequences"]
    if pd.isna(here) or pd.isna(all_of_it) or here == all_of_it:
        return Markup("")
    return say(
        " (on the first {here} of {all} sequences)",
        here=count(here, PROXIES),
        all=count(all_of_it, PROXIES),
    )


@reading("ablated", figure="ablations")
def ablated(probes: list[ProbeResults]) -> list[Markup]:
    """Real decoder against random directions and shuffled features."""
    sentences = []
    for probe in probes:
        sae = _row(probe, "sae")
        if sae is None:
            continue
        for name, words in (
            ("random_decoder", "a random decoder (the same codes, random directions)"),
            ("shuffled_features", "shuffled features (the same counts, the wrong atoms)"),
        ):
            row = _row(probe, name)
            if row is None:
                continue
            sentences.append(
                say(
                    "{probe}: {words} has a risk of {risk} bits and a mean |gap| of {gap}{part}, "
                    "{verdict} the SAE’s own {own} and {own_gap}.",
                    probe=probe.name,
                    part=_part(row, sae),
                    words=words,
                    risk=num(row["risk"], 2, PROXIES),
                    gap=num(row["abs_gap"], 2, PROXIES),
                    own=num(sae["risk"], 2, PROXIES),
                    own_gap=num(sae["abs_gap"], 2, PROXIES),
                    verdict=compare(
                        float(row["abs_gap"]),
                        float(sae["abs_gap"]),
                        "worse than",
                        "no worse than",
                        "equal to",
                    ),
                )
            )
    if sentences:
        sentences.append(
            Markup(
                "The model’s own risk is the same in all of these: they show how faithful the "
                "proxy is, not how good the model is. They are means over sequences, as in the "
                "published bound; the certificates are about means over documents."
            )
        )
    return sentences


@reading("spliced")
def spliced(probes: list[ProbeResults]) -> list[Markup]:
    """What replacing BOS as well changes."""
    sentences = []
    for probe in probes:
        default = default_splice(probe)
        here = _row(probe, "sae")
        other = next((s for s in SPLICES if s != default), "all")
        there = _row(probe, "sae", other)
        if here is None or there is None:
            continue
        a, b = float(here["risk"]), float(there["risk"])
        sentences.append(
            say(
                "{probe}: with {default} the SAE’s risk is {a} bits and its mean |gap| {gap}; with "
                "{other}, {b} and {other_gap}: the second {word}.",
                probe=probe.name,
                default=SPLICES.get(default, default),
                other=SPLICES.get(other, other),
                a=num(a, 2, PROXIES),
                gap=num(here["abs_gap"], 2, PROXIES),
                b=num(b, 2, PROXIES),
                other_gap=num(there["abs_gap"], 2, PROXIES),
                word=compare(b, a, "costs more", "costs less", "costs the same"),
            )
        )
    return sentences


@reading("signed_gap")
def signed_gap(probes: list[ProbeResults]) -> list[Markup]:
    """With the signed gap the SAE cancels: shown on the numbers."""
    sentences = []
    for probe in probes:
        sae, own = _row(probe, "sae"), _row(probe, "model")
        if sae is None or own is None or pd.isna(sae["signed_gap"]):
            continue
        sentences.append(
            say(
                "{probe}: risk through the SAE {risk} + signed gap {gap} = {sum} bits, and the "
                "model’s own risk is {own}.",
                probe=probe.name,
                risk=num(sae["risk"], 4, PROXIES),
                gap=num(sae["signed_gap"], 4, PROXIES),
                sum=num(float(sae["risk"]) + float(sae["signed_gap"]), 4),
                own=num(own["risk"], 4, PROXIES),
            )
        )
    return sentences
