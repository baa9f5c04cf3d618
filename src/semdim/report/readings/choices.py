"""Choosing k, choosing atoms: readings of the frontier and of the pools."""

from markupsafe import Markup

from semdim.plots.families import family_style
from semdim.plots.selections.pool_rows import pool_rows
from semdim.plots.selections.topk_rows import best_k, has_frontier
from semdim.report.sentences import reading
from semdim.report.wording import count, join, num, say, trend
from semdim.results.read import ProbeResults

BOUNDS, PROXIES = "bounds.csv", "proxies.csv"


def _uncut(probe: ProbeResults, k: float) -> list[Markup]:
    """k is a limit: how many tokens have no more atoms than that anyway."""
    proxies = probe.table("proxies")
    shares = proxies.loc[proxies["k"] == k, "uncut_share"].dropna()
    if shares.empty:
        return []
    return [
        say(
            "{probe}: k* is the largest number of atoms that a token keeps: {share} of the tokens "
            "have no more active atoms than that, so nothing is cut there.",
            probe=probe.name,
            share=num(shares.iloc[0], 0, PROXIES, percent=True),
        )
    ]


@reading("frontier", figure="topk_frontier")
def frontier(probes: list[ProbeResults]) -> list[Markup]:
    """k*(N): where the certificate is smallest, and whether it moves with N."""
    sentences = []
    for probe in (probe for probe in probes if has_frontier(probe)):
        best = best_k(probe)
        first, last = best.iloc[0], best.iloc[-1]
        sentences.append(
            say(
                "{probe}: at N = {n} tokens the smallest certificate is {total} bits, with k* = "
                "{k} atoms kept; at N = {small} it is {small_total} bits with k* = {small_k}.",
                probe=probe.name,
                n=count(last["n_tokens_asked"], BOUNDS),
                total=num(last["total"], 2, BOUNDS),
                k=count(last["k"], BOUNDS),
                small=count(first["n_tokens_asked"], BOUNDS),
                small_total=num(first["total"], 2, BOUNDS),
                small_k=count(first["k"], BOUNDS),
            )
        )
        sentences += _uncut(probe, float(last["k"]))
        moves = trend([float(k) for k in best["k"]]) if len(best) > 1 else "flat"
        sentences.append(
            say(
                "{probe}: {what}. The model and the SAE were frozen beforehand, so k costs "
                "nothing here beyond the grid’s share of δ: the losses of the truncated proxies "
                "decide k*.",
                probe=probe.name,
                what={
                    "flat": "k* is the same at every N",
                    "rises": "k* grows with N",
                    "falls": "k* shrinks with N",
                    "mixed": "k* moves up and down with N",
                }[moves],
            )
        )
    return sentences


@reading("pools", figure="pool_curve")
def pools(probes: list[ProbeResults]) -> list[Markup]:
    """Where each pool certificate is smallest."""
    sentences = []
    for probe in probes:
        rows = pool_rows(probe)
        if rows.empty:
            continue
        parts = []
        for pool, part in rows.groupby("pool", sort=False):
            best = part.sort_values("total").iloc[0]
            parts.append(
                say(
                    "{name} {total} bits at P = {size} (measured {measured}, penalty {penalty})",
                    name=family_style(str(pool)).label,
                    total=num(best["total"], 2, BOUNDS),
                    size=count(best["pool_size"], BOUNDS),
                    measured=num(best["measured"]),
                    penalty=num(best["penalty"]),
                )
            )
        sentences.append(
            say("{probe}: the smallest totals are {parts}.", probe=probe.name, parts=join(parts))
        )
    if sentences:
        sentences.append(
            Markup(
                "The certificate of the pooled proxy is about that proxy only: its penalty is a "
                "description length (which P of the m atoms). This is the only place where "
                "counting atoms is a theorem about what is counted."
            )
        )
    return sentences
