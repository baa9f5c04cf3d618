"""What a sequence's mean and largest n_active hide: readings of the levels, and of the tail."""

from markupsafe import Markup

from semdim.plots.selections.score_rows import chosen_level, levels
from semdim.report.sentences import reading
from semdim.report.wording import count, num, say
from semdim.results.read import ProbeResults

TABLE, GUARDRAIL = "uncertainty.csv", "guardrail.json"
SUMMARIES = ("sequence_median", "sequence_mean", "sequence_max")
OUTLIERS = (
    " A few tokens with massive activations decide a mean, and a single one decides a maximum; "
    "they are not what distinguishes the texts."
)


@reading("levels", section="ood", position=44)
def by_level(probes: list[ProbeResults]) -> list[Markup]:
    """What the mean and the maximum of k hide, and how the level of the comparison was chosen."""
    sentences = []
    words = levels()
    for probe in probes:
        table = probe.table("uncertainty")
        table = table[table["score"] == "n_active"]
        for shift, rows in table.groupby("shift", sort=False):
            at = rows.set_index("level")["auroc"]
            if not set(SUMMARIES) <= set(at.index):
                continue
            median, mean, largest = (float(at[name]) for name in SUMMARIES)
            sentences.append(
                say(
                    "{probe}, {shift}: the median of k over a sequence has AUROC {median}, its "
                    "mean {mean} and its maximum {largest}.{outliers}",
                    probe=probe.name,
                    shift=str(shift),
                    median=num(median, 2, TABLE),
                    mean=num(mean, 2, TABLE),
                    largest=num(largest, 2, TABLE),
                    outliers=OUTLIERS if median > max(mean, largest) else "",
                )
            )
        criterion = probe.verdict.get("level_criterion")
        if criterion and (probe.verdict.get("level_choice") or {}).get("n_active"):
            level = chosen_level(probe, "n_active")
            sentences.append(
                say(
                    "{probe}: the level at which a score is compared was fixed before any shift "
                    "was examined, by one criterion for all scores: {criterion}. For n_active "
                    "that is the {level}.",
                    probe=probe.name,
                    criterion=criterion,
                    level=words.get(level, level),
                )
            )
    return sentences


@reading("massive", section="ood", position=46)
def massive(probes: list[ProbeResults]) -> list[Markup]:
    """What the largest n_active and "k > 500" count: tokens with a massive activation."""
    sentences = []
    for probe in probes:
        rule = probe.guardrail.get("fixed_rule") or {}
        rows = [row for row in rule.get("corpora") or [] if row.get("positions") == "without_bos"]
        above = sum(int(row.get("n_above", 0)) for row in rows)
        if not above:
            continue
        sentences.append(
            say(
                "{probe}: of the {above} tokens with more than {threshold} active atoms (all "
                "corpora together, position 0 left out), {outliers} have an activation over ten "
                "times as long as usual. The largest k of a text and the rule k > {threshold} "
                "detect such massive activations; which tokens have one depends on rounding in "
                "the forward pass.",
                probe=probe.name,
                above=count(above, GUARDRAIL),
                threshold=count(rule["threshold"], GUARDRAIL),
                outliers=count(sum(int(r.get("n_outliers_above", 0)) for r in rows), GUARDRAIL),
            )
        )
    return sentences
