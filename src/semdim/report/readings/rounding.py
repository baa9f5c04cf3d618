"""Which statements about k survive another arithmetic."""

from collections.abc import Hashable
from typing import Any

from markupsafe import Markup

from semdim.report.sentences import reading
from semdim.report.wording import count, join, num, say, small
from semdim.results.read import ProbeResults

FILE = "rounding.csv"


@reading("rounding", section="ood", position=47)
def rounding(probes: list[ProbeResults]) -> list[Markup]:
    """The same tokens in float32 and in bfloat16: what is steady, and what is rounding."""
    sentences = []
    for probe in probes:
        rows = probe.table("rounding").to_dict("records")
        if not rows:
            continue
        n_tokens = sum(int(row["n_tokens"]) for row in rows)
        equal = sum(row["equal"] * row["n_tokens"] for row in rows) / n_tokens
        worst = max(rows, key=lambda row: abs(row["above_float32"] - row["above_bfloat16"]))
        medians = max(row["sequence_median_change"] for row in rows)
        sentences.append(
            say(
                "{probe}: of {n} tokens ({corpora}), {equal} have the same k in float32 and in "
                "bfloat16. The median k of a sequence moves by {median} on average at most; its "
                "largest k moves by {largest} on {worst}, where k > {threshold} fires on {here} of "
                "the sequences in float32 and on {there} in bfloat16{so}.",
                probe=probe.name,
                n=count(n_tokens),
                corpora=join([str(row["corpus"]) for row in rows]),
                equal=small(equal),
                median=num(medians, 1, FILE),
                largest=num(worst["sequence_max_change"], 0, FILE),
                worst=str(worst["corpus"]),
                threshold=count(worst["threshold"], FILE),
                here=small(worst["above_float32"], FILE),
                there=small(worst["above_bfloat16"], FILE),
                so=_so(worst),
            )
        )
    return sentences


def _so(row: dict[Hashable, Any]) -> str:
    """The conclusion, where there is one to draw."""
    if row["above_float32"] == row["above_bfloat16"]:
        return ""
    return ": rounding partly decides which texts trigger the paper’s rule"
