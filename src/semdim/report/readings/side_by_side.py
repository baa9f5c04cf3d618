"""Models side by side: readings of the cross-model figure."""

from markupsafe import Markup

from semdim.plots.families import Curve, comparable, crossing_tokens, published
from semdim.plots.selections.block_rows import block, layers, sae_gap
from semdim.report.sentences import reading
from semdim.report.wording import count, join, num, say
from semdim.results.read import ProbeResults

BOUNDS = "bounds.csv"


@reading("layered", figure="layer_sweep")
def by_layer(probes: list[ProbeResults]) -> list[Markup]:
    """At which block the SAE costs least, and at which most."""
    sentences = []
    for name, entries in layers(probes).items():
        gaps = sorted((gap, block(m)) for m in entries if (gap := sae_gap(m)[0]) == gap)
        if len(gaps) < 3:
            continue
        (least, at_least), (most, at_most) = gaps[0], gaps[-1]
        sentences.append(
            say(
                "{model}: of the {n} blocks measured, the SAE costs least after {a} blocks (mean "
                "|gap| {x} bits) and most after {b} ({y} bits).",
                model=name,
                a=str(at_least),
                x=num(least, 2, BOUNDS),
                b=str(at_most),
                y=num(most, 2, BOUNDS),
                n=str(len(gaps)),
            )
        )
    return sentences


@reading("compared", figure="cross_model", position=10)
def first_to_cross(probes: list[ProbeResults]) -> list[Markup]:
    """Who becomes non-vacuous first (in tokens), and who has more room, in bits and in shares."""
    lines = [(probe, published(probe)) for probe in comparable(probes)]
    pairs: list[tuple[ProbeResults, Curve]] = [(m, c) for m, c in lines if c is not None]
    if len(pairs) < 2:
        return []
    crossed = [(m, c.crossing) for m, c in pairs]
    found = [(m, x) for m, x in crossed if x is not None]
    never = [m.name for m, x in crossed if x is None]
    sentences = []
    if found:
        order = sorted(found, key=lambda pair: crossing_tokens(pair[0]) or 0.0)
        parts = [
            say(
                "{probe} {word} N ≈ {n}",
                probe=m.name,
                word="at or before" if x.is_first_point else "at",
                n=count(crossing_tokens(m) or x.interpolated, "bound.json"),
            )
            for m, x in order
        ]
        sentences.append(
            say("As published, the bound becomes non-vacuous for {parts}.", parts=join(parts))
        )
    if never:
        sentences.append(
            say("For {names}, it stays vacuous at every N measured.", names=join(never))
        )
    room = [
        (m.name, float(c.last["baseline"] - c.last["total"]), float(c.last["total"]))
        for m, c in pairs
    ]
    bits = sorted(room, key=lambda entry: -entry[1])
    sentences.append(
        say(
            "Margin below log₂V at the largest N, in bits: {parts}; {first} has the largest "
            "margin.",
            parts=join([say("{m} {v}", m=name, v=num(value)) for name, value, _ in bits]),
            first=bits[0][0],
        )
    )
    shares = sorted(
        ((m.name, float(c.last["total"] / c.last["baseline"])) for m, c in pairs),
        key=lambda entry: entry[1],
    )
    sentences.append(
        say(
            "As a share of log₂V: {parts}; {first} is lowest, which is {word} as in bits.",
            parts=join([say("{m} {v}", m=name, v=num(v, 1, percent=True)) for name, v in shares]),
            first=shares[0][0],
            word="the same model" if shares[0][0] == bits[0][0] else "not the same model",
        )
    )
    sizes = {int(c.last["n_tokens"]) for _, c in pairs}
    if len(sizes) > 1:
        sentences.append(
            Markup(
                "The models’ largest N differ, so the last two comparisons are not at the same "
                "sample size."
            )
        )
    return sentences
