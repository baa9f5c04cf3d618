"""Token by token: does the loss grow with k, as the paper's per-input reading says?"""

from markupsafe import Markup

from semdim.report.sentences import reading
from semdim.report.wording import num, say
from semdim.results.k_and_loss import Correlation
from semdim.results.read import ProbeResults

FILE = "k_and_loss.json"


@reading("loss_by_k", figure="k_and_loss")
def loss_by_k(probes: list[ProbeResults]) -> list[Markup]:
    """The rank correlation of k with the loss, that of entropy beside it, and both ends of k."""
    sentences = []
    for probe in probes:
        found = probe.k_and_loss
        if found is None or len(found.bins) < 2:
            continue
        first, last = found.bins[0], found.bins[-1]
        way = "falls" if last.nll < first.nll else "rises"
        by_name = {entry.predictor: entry for entry in found.correlations}
        of_k = by_name.get("n_active")
        if of_k is not None and of_k.spearman is not None:
            sentences.append(
                say(
                    "{probe}: token by token, the rank correlation of k with the loss of the next "
                    "token is {k} (negative in {share} of the sequences){entropy}.",
                    probe=probe.name,
                    k=_interval(of_k),
                    share=num(of_k.negative_sequences or 0.0, 0, FILE, percent=True),
                    entropy=_beside(by_name.get("entropy")),
                )
            )
        sentences.append(
            say(
                "{probe}: the mean loss {way} from {a} bits at k ≤ {low} to {b} bits at "
                "k ≥ {high}.",
                probe=probe.name,
                way=way,
                a=num(first.nll, 2, FILE),
                b=num(last.nll, 2, FILE),
                low=num(first.largest_k, 0, FILE),
                high=num(last.least_k, 0, FILE),
            )
        )
        if first.per_input is not None and last.per_input is not None:
            sentences.append(
                say(
                    "{probe}: the paper’s per-input reading predicts the opposite, {a} and {b} "
                    "bits: a bound that rises as √k while the loss falls.",
                    probe=probe.name,
                    a=num(first.per_input, 2, FILE),
                    b=num(last.per_input, 2, FILE),
                )
                if way == "falls"
                else say(
                    "{probe}: the paper’s per-input reading predicts a rise from {a} to {b} bits.",
                    probe=probe.name,
                    a=num(first.per_input, 2, FILE),
                    b=num(last.per_input, 2, FILE),
                )
            )
    return sentences


def _interval(found: Correlation) -> Markup:
    value = num(found.spearman or 0.0, 2, FILE)
    if found.low is None or found.high is None:
        return value
    return say(
        "{value} ({low} to {high})",
        value=value,
        low=num(found.low, 2, FILE),
        high=num(found.high, 2, FILE),
    )


def _beside(entropy: Correlation | None) -> Markup:
    if entropy is None or entropy.spearman is None:
        return Markup("")
    return say("; that of the entropy is {value}", value=_interval(entropy))
