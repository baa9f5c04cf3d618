"""The figures of docs/ood.md: n_active as a warning sign on near and far shifts."""

from typing import Any

from semdim.plots.selections.score_rows import (
    chosen_level,
    is_two_sided,
    levels,
    main_level,
    score_words,
    uses_labels,
)
from semdim.results.pages import Repository, part, table
from semdim.results.read import ProbeResults

RUN, SCORE = "docs/ood", "n_active"
CORPORA = {
    "english": "English",
    "english_replaced": "15 % of its tokens replaced",
    "english_shuffled": "its words shuffled",
    "python": "Python",
    "random": "random tokens",
}
SHORT = {
    "english_replaced": "15 % replaced",
    "english_shuffled": "shuffled",
    "python": "Python",
    "random": "random tokens",
}
"""The shifts, nearest first."""


def the_probe(repository: Repository) -> ProbeResults:
    """The one probe of the study's run."""
    (found,) = repository.probes(RUN)
    return found


def auroc(probe: ProbeResults, score: str, shift: str, level: str | None = None) -> float:
    """A score's AUROC against a shift, at its chosen level unless another one is named."""
    rows = probe.table("uncertainty")
    wanted = {"score": score, "shift": shift, "level": level or main_level(probe)}
    for name, value in wanted.items():
        rows = rows[rows[name] == value]
    (found,) = rows["auroc"]
    return float(found)


def of_corpora(probe: ProbeResults, positions: str) -> dict[str, Any]:
    """Rows of sparsity.csv by corpus."""
    rows = probe.table("sparsity")
    found: dict[str, Any] = {
        str(row["corpus"]): row for row in rows[rows["positions"] == positions].to_dict("records")
    }
    return found


@part("ood_sample")
def sample(repository: Repository) -> str:
    """What was measured on what."""
    probe = the_probe(repository)
    size = {name: row["n_tokens"] for name, row in of_corpora(probe, "all").items()}
    counts = probe.table("uncertainty")
    chosen = (counts["level"] == "chosen") & (counts["shift"] == "english_replaced")
    near = int(counts[chosen]["n_ood"].max())
    facts = probe.guardrail["provenance"]
    return (
        f"SmolLM2-135M-Instruct, the SAE at `{facts['hook_name']}`, {facts['compute_dtype']}; "
        f"{size['python']:,} tokens of each shift against {size['english']:,} of English. Of the "
        f"{probe.verdict['n_fit_documents'] + probe.verdict['n_evaluation_documents']} English "
        f"documents {probe.verdict['n_fit_documents']} fit and calibrate; of the near shifts only "
        f"the {near} sequences that were made from the others count."
    )


@part("ood_sparsity")
def sparsity(repository: Repository) -> str:
    """n_active of each corpus."""
    by = of_corpora(the_probe(repository), "without_bos")
    return table(
        ["", "mean k", "median", "99 %", "max"],
        [
            [words, f"{by[c]['mean']:.1f}",
             *(f"{by[c][name]:,.0f}" for name in ("q50", "q99", "max"))]
            for c, words in CORPORA.items()
        ],
    )  # fmt: skip


@part("ood_levels")
def by_level(repository: Repository) -> str:
    """AUROC of k by the statistic of a sequence, and the one that was chosen."""
    probe = the_probe(repository)
    reliability: dict[str, float | None] = probe.verdict["level_choice"][SCORE]["reliability"]
    rows = []
    for level, told in reliability.items():
        cells = [f"{auroc(probe, SCORE, shift, level):.3f}" for shift in SHORT]
        words = levels()[level].removesuffix(" of a sequence")
        rows.append([words, *cells, "" if told is None else f"{told:.2f}"])
    chosen = levels()[chosen_level(probe, SCORE)].removesuffix(" of a sequence")
    best = max(reliability, key=lambda level: auroc(probe, SCORE, "python", level))
    end = (
        f"For k the most reliable is the {chosen}"
        + ("." if levels()[best].startswith(chosen) else
           f"; on Python the {levels()[best].removesuffix(' of a sequence')} would have looked "
           f"best ({auroc(probe, SCORE, 'python', best):.3f} against "
           f"{auroc(probe, SCORE, 'python'):.3f}).")
    )  # fmt: skip
    return "\n\n".join([table(["level", *SHORT.values(), "reliability"], rows), end])


@part("ood_scores")
def scores(repository: Repository) -> str:
    """Every score against every shift, in the direction of its theory and two-sided."""
    probe = the_probe(repository)
    rows = probe.table("uncertainty")
    names = list(dict.fromkeys(rows["score"]))
    ones = [name for name in names if not is_two_sided(name)]
    cells = []
    for name in ones:
        both = f"{name}_two_sided"
        label = score_words(name) + (" (needs the label)" if uses_labels(probe, name) else "")
        cells.append(
            [label]
            + [
                f"{auroc(probe, name, shift):.3f} / {auroc(probe, both, shift):.3f}"
                if both in names
                else f"{auroc(probe, name, shift):.3f}"
                for shift in SHORT
            ]
        )
    return table(["one-sided / two-sided", *SHORT.values()], cells)


@part("ood_findings")
def findings(repository: Repository) -> str:
    """Per shift: how k fares, and what is better than it beyond the uncertainty of documents."""
    probe = the_probe(repository)
    lines = []
    for shift, words in SHORT.items():
        facts: dict[str, Any] = probe.verdict["by_shift"][shift]["chosen"]["contenders"][SCORE]
        record, best = facts["record"], facts["best_rival"]
        total = sum(len(names) for names in record.values())
        lines.append(
            f"* **{words[0].upper()}{words[1:]}**: k has {facts['auroc']:.3f} "
            f"({facts['low']:.3f} to {facts['high']:.3f}); the best of the {total} other one-sided "
            f"scores that need no label, {score_words(best['score'])}, has {best['auroc']:.3f}. "
            f"In the paired comparison over resampled documents k is behind "
            f"{_listed(record['worse'])}, ahead of {_listed(record['better'])}, and level with "
            f"{_listed(record['undecided'])}."
        )
    return "\n".join(lines)


def _listed(names: list[str]) -> str:
    words = [score_words(name) for name in names]
    if len(words) < 2:
        return words[0] if words else "none"
    return f"{', '.join(words[:-1])} and {words[-1]}"
