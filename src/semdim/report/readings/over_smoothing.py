"""What a grid of α buys: the certificate at the best of the values that were declared."""

from markupsafe import Markup

from semdim.plots.families import main_smoothing
from semdim.plots.selections.smoothing_rows import smoothing_rows
from semdim.report.sentences import reading
from semdim.report.wording import count, num, say
from semdim.results.read import ProbeResults

BOUNDS = "bounds.csv"


@reading("over_smoothing", section="certified", position=15)
def over_smoothing(probes: list[ProbeResults]) -> list[Markup]:
    """Holdout by betting at the main α and at the best; the contexts seen likewise."""
    sentences = []
    for probe in probes:
        rows, main = smoothing_rows(probe), main_smoothing(probe.table("bounds"))
        for family, method, template in (
            (
                "holdout",
                "betting",
                "{probe}: {n} values of α were declared beforehand and share δ. At α = {best} the "
                "model’s risk is at most {total} bits; at α = {main}, the paper’s, {there}.",
            ),
            (
                "token_martingale",
                "empirical_bernstein",
                "{probe}: the mean conditional risk at the contexts of the sample is at most "
                "{total} bits at α = {best}, and {there} at α = {main}. This is not the risk on "
                "new documents, and requires no independence.",
            ),
        ):
            part = rows[(rows["family"] == family) & (rows["method"] == method)]
            if part.empty or main not in set(part["smoothing"]):
                continue
            best = part.sort_values("total").iloc[0]
            own = part[part["smoothing"] == main].iloc[0]
            sentences.append(
                say(
                    template,
                    probe=probe.name,
                    n=count(len(part)),
                    best=num(best["smoothing"], 2, BOUNDS),
                    total=num(best["total"], 2, BOUNDS),
                    main=num(main or 0.0, 2, BOUNDS),
                    there=num(own["total"], 2, BOUNDS),
                )
            )
    return sentences
