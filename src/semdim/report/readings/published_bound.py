"""What the bounds say: readings of Figure 1, of the certificates, and of what they cost."""

import pandas as pd
from markupsafe import Markup

from semdim.plots.families import (
    Curve,
    curves,
    main_certificate,
    published,
)
from semdim.report.sentences import reading
from semdim.report.wording import compare, count, num, say
from semdim.results.read import ProbeResults

BOUNDS = "bounds.csv"
TERM_WORDS = {
    "proxy_risk": "the risk measured through the SAE",
    "gap": "the measured |gap|",
    "complexity": "the complexity term",
    "tail": "the tail",
}


def _crossing(curve: Curve, what: str, n_tokens: float | None = None) -> Markup:
    """Where a line meets log2 V: as it is drawn, or at ``n_tokens`` by its formula."""
    last, crossing = curve.last, curve.crossing
    common = {
        "what": what,
        "total": num(last["total"], 2, BOUNDS),
        "n": count(last["n_tokens"], BOUNDS),
        "base": num(last["baseline"], 2, BOUNDS),
    }
    if crossing is None:
        return say(
            "{what} stays above log₂V = {base} bits at the largest sample measured: it is {total} "
            "bits at N = {n} tokens, so it says no more there than a random guess would.",
            **common,
        )
    if crossing.is_first_point:
        return say(
            "{what} is already below log₂V = {base} bits at the smallest sample measured, N = "
            "{first} tokens, and reaches {total} bits at N = {n}.",
            first=count(crossing.n_tokens, BOUNDS),
            **common,
        )
    if n_tokens is not None:
        return say(
            "{what} falls below log₂V = {base} bits at N ≈ {where} tokens, with the statistics of "
            "the largest sample held fixed (first among the sizes measured: {first}), and reaches "
            "{total} bits at N = {n}.",
            where=count(n_tokens, "bound.json"),
            first=count(crossing.n_tokens, BOUNDS),
            **common,
        )
    return say(
        "{what} falls below log₂V = {base} bits at N ≈ {where} tokens (first among the "
        "sizes measured: {first}), and reaches {total} bits at N = {n}.",
        where=count(crossing.interpolated),
        first=count(crossing.n_tokens, BOUNDS),
        **common,
    )


def _against_unigram(probe: ProbeResults) -> list[Markup]:
    """From where on the published number is below what token frequencies alone give."""
    baseline = probe.headline.get("unigram_baseline")
    if baseline is None:
        return []
    crossing = probe.headline.get("as_published_unigram_crossing_n_tokens")
    common = {"bits": num(baseline, 2, "bound.json")}
    if crossing is None:
        text = (
            "A table of token frequencies, which uses no context, pays {bits} bits; the formula "
            "is never below that."
        )
        return [say(text, **common)]
    text = (
        "A table of token frequencies, which uses no context, pays {bits} bits; the formula is "
        "below that only from N ≈ {n} on."
    )
    return [say(text, n=count(crossing, "bound.json"), **common)]


def _capital(sentences: list[Markup]) -> Markup:
    """Sentences in a row, each with its first letter as a capital."""
    return Markup(" ").join(Markup(text[:1].upper() + text[1:]) for text in sentences)


@reading("figure1", figure="bound_vs_n")
def figure1(probes: list[ProbeResults]) -> list[Markup]:
    """Two sentences or more for each probe, as one paragraph."""
    paragraphs = []
    for probe in probes:
        sentences: list[Markup] = []
        main, certificate = published(probe), main_certificate(probe)
        if main is not None:
            exact = probe.headline.get("as_published_crossing_n_tokens")
            sentences.append(_crossing(main, "the bound as published", exact))
            sentences += _against_unigram(probe)
            terms = {term: float(main.last[term]) for term in TERM_WORDS}
            largest = max(terms, key=lambda term: terms[term])
            sentences.append(
                say(
                    "At the largest N, the largest part of the bound is {what}, {bits} of {total} "
                    "bits. The complexity term, where sparsity enters, is {complexity} bits.",
                    what=TERM_WORDS[largest],
                    bits=num(terms[largest], 2, BOUNDS),
                    total=num(main.last["total"], 2, BOUNDS),
                    complexity=num(terms["complexity"], 2, BOUNDS),
                )
            )
        if certificate is not None:
            sentences.append(_crossing(certificate, "the holdout certificate (green)"))
        if main is not None and certificate is not None:
            a, b = float(certificate.last["total"]), float(main.last["total"])
            sentences.append(
                say(
                    "At the largest N, holdout is {difference} bits {word} the published number, "
                    "without an autoencoder. The two are about different means: holdout’s is over "
                    "{unit}s, the published bound’s over all sequences of the first N tokens.",
                    unit=certificate.unit,
                    difference=num(abs(a - b)),
                    word=compare(a, b, "above", "below", "away from"),
                )
            )
        if sentences:
            paragraphs.append(say("{probe}: ", probe=probe.name) + _capital(sentences))
    return paragraphs


@reading("sample_sizes")
def sample_sizes(probes: list[ProbeResults]) -> list[Markup]:
    """Tokens are not independent: the three counts of the sample side by side."""
    sentences = []
    for probe in probes:
        main = published(probe)
        if main is None or main.last[["n_sequences", "n_documents"]].isna().any():
            continue
        sentences.append(
            say(
                "{probe}: N = {tokens} tokens are {sequences} sequences from only {documents} "
                "documents, and only documents can be independent.",
                probe=probe.name,
                tokens=count(main.last["n_tokens"], BOUNDS),
                sequences=count(main.last["n_sequences"], BOUNDS),
                documents=count(main.last["n_documents"], BOUNDS),
            )
        )
    return sentences


@reading("mean_k")
def mean_k(probes: list[ProbeResults]) -> list[Markup]:
    """Assumption 1 bounds k uniformly; what is plugged in is a mean."""
    sentences = []
    for probe in probes:
        main = published(probe)
        table = probe.table("sparsity")
        rows = table[
            (table["positions"] == "without_bos") & table["corpus"].isin(probe.corpora[:1])
        ]
        if main is None or rows.empty:
            continue
        sentences.append(
            say(
                "{probe}: the published bound uses k = {k}; the largest count at a single token of "
                "{corpus} is {largest}.",
                probe=probe.name,
                k=num(main.last["k"], 2, BOUNDS),
                corpus=str(rows.iloc[0]["corpus"]),
                largest=count(rows.iloc[0]["max"], "sparsity.csv"),
            )
        )
    return sentences


@reading("dudley")
def dudley(probes: list[ProbeResults]) -> list[Markup]:
    """What the sketch of Theorem 1 costs once its constants are kept."""
    sentences = []
    for probe in probes:
        line = next((c for c in curves(probe) if c.family == "covering_dudley"), None)
        main = published(probe)
        if line is None or main is None:
            continue
        a, b = float(line.last["complexity"]), float(main.last["complexity"])
        exact = line.last["complexity_exact"]
        sentences.append(
            say(
                "{probe}: with the constants of Dudley’s integral the complexity term is {a} bits "
                "instead of {b}{exact}, and the total {total} bits ({word} log₂V).",
                probe=probe.name,
                a=num(a, 2, BOUNDS),
                exact=Markup("")
                if pd.isna(exact)
                else say(" ({bits} with the integral itself)", bits=num(exact, 2, BOUNDS)),
                b=num(b, 2, BOUNDS),
                total=num(line.last["total"], 2, BOUNDS),
                word=compare(
                    float(line.last["total"]), float(line.last["baseline"]), "above", "below", "at"
                ),
            )
        )
    return sentences
