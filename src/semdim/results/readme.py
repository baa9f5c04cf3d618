"""README's numbers, written from the results of the default run.

    python -m semdim.results.readme --write README.md    put the numbers of results/ into the page

They stand between two comments of the page; a test compares them with the committed results.
"""

import argparse
from pathlib import Path
from typing import Any

from semdim.artifacts.shards import write_atomically
from semdim.errors import ArtifactError
from semdim.paths import Paths

PROBE = "smollm2-135m_layer15"
BEGIN = "<!-- found: begin (python -m semdim.results.readme --write README.md) -->"
END = "<!-- found: end -->"
SCORES = {
    "n_active": "k (the paper's score)",
    "unexplained_share": "the SAE's unexplained share",
    "mahalanobis": "Mahalanobis distance",
    "knn_distance": "kNN distance",
    "one_minus_max_prob": "1 − largest probability",
    "entropy": "entropy",
    "unigram_nll": "token-unigram NLL (trivial)",
}


def found(folder: Path) -> str:
    """The section's tables and sentences.

    folder: results/probes/<probe>, of a run on english, python and random.

    Raises:
        ArtifactError: a file is missing or damaged.
    """
    from semdim.results.read import read_probe

    probe: Any = read_probe(folder)
    bounds: Any = probe.table("bounds")
    asked = bounds["n_tokens_asked"].fillna(bounds["n_tokens"])
    last = bounds[asked == asked.max()]
    proxies: Any = probe.table("proxies").set_index("proxy")
    sample = probe.setup["corpora"][probe.setup["sample"]]
    head, fixed = probe.headline, probe.verdict["fixed_rule"]["corpora"]
    mean_k = _mean_k(probe)
    crossing = head["as_published_crossing_n_tokens"]
    faithful = last[(last["family"] == "faithfulness") & (last["proxy"] == "sae")].iloc[0]
    own = last[(last["family"] == "holdout") & (last["method"] == "betting")].iloc[0]
    risk = bounds[bounds["family"] == "risk_by_sparsity"]["proxy_risk"].tolist()
    meets = head["covering_dudley_first_n_tokens"]
    where = "never below a random guess" if meets is None else f"below one from N = {meets:,} on"
    rows = [
        ("the paper's bound", f"{head['as_published_total']:.2f}; below a random guess from "
         f"N ≈ {crossing:,.0f} tokens on", "**no**"),
        ("the same with the constants of Dudley's integral",
         f"{head['covering_dudley_total']:.2f}, {where}", "no"),
        ("holdout on the model itself (betting)",
         f"**{head['holdout_betting_total']:.2f}** (measured: {own['proxy_risk']:.2f}, the same "
         "mean over documents)", "yes"),
        *over_smoothings(head),
        ("hard top-k codes, with a union bound over the k tried",
         f"{head['srm_topk_total']:.2f}, {_best_k(head, probe.setup)}", "yes"),
        (f"this SAE changes the mean loss of a {probe.setup['context'] - 1}-token text by at most",
         f"**{faithful['total']:.2f}** (measured: {faithful['gap']:.2f}, over documents)", "yes"),
        *_tokens(last),
    ]  # fmt: skip
    lines = [
        f"The sample is {sample['n_tokens']:,} tokens of English (Wikipedia and news, "
        f"{sample['n_documents']} documents, {sample['n_sequences']} sequences), measured in "
        f"{probe.setup['engine']['compute_dtype']}, with α = {last['smoothing'].iloc[0]:g} and δ = "
        f"{last['failure_prob'].iloc[0]:g}. Numbers are in bits per token; a random guess costs "
        f"{head['baseline']:.2f}. Losses are smoothed (at α = 0.5 half of the mixture is uniform): "
        f"their mean over all sequences is {proxies.loc['model', 'risk']:.2f}, compared with "
        f"{proxies.loc['model', 'nll']:.2f} for the model's own losses. The paper's bound is about "
        f"a mean of that kind; a certificate is about the mean over documents{_windows(own)}.",
        "",
        "| | bits | certificate? |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"* On {proxies.loc['sae_all', 'n_sequences']:.0f} sequences, the mean |gap| is "
        f"{proxies.loc['sae_all', 'abs_gap']:.2f} bits if BOS is replaced as well, so position 0 "
        "must be let through. The proxy's risk is "
        f"{proxies.loc['random_decoder', 'risk']:.1f} bits with a random decoder and "
        f"{proxies.loc['shuffled_features', 'risk']:.1f} bits with shuffled atoms, so the SAE's "
        "directions matter.",
        f"* The mean k is {mean_k['english']:.0f} on English, {mean_k['python']:.0f} on Python and "
        f"{mean_k['random']:.0f} on random tokens, with position 0 left out. The paper's rule "
        f"\"k > 500\" fires on {_share(fixed, 'english')} of the English sequences, "
        f"{_share(fixed, 'python')} of the Python ones and {_share(fixed, 'random')} of the random "
        "ones, because of single outlier positions.",
        f"* The model's mean loss over documents, in {len(risk)} bins of a document's mean k from "
        f"few atoms to many, is {', '.join(f'{value:.2f}' for value in risk)} bits.",
        "",
        f"| AUROC ({_level(probe)}) | python | random |",
        "|---|---|---|",
        *_auroc(probe),
    ]  # fmt: skip
    return "\n".join(lines)


def _windows(row: Any) -> str:
    """Which windows of a document count, where the table says so."""
    if row["windows_per_document"] != row["windows_per_document"]:
        return ""
    n_windows = int(row["windows_per_document"])
    return f", each with its first {n_windows} windows" if n_windows > 1 else "' first windows"


def over_smoothings(head: Any) -> list[tuple[str, str, str]]:
    """The smallest certificates over the grid of α, where there was one."""
    names = {
        "holdout_betting": "the same at the best α of the grid (all hold at once)",
        "token_martingale": "mean conditional risk at the contexts seen, not on new documents",
    }
    return [
        (words, f"**{head[f'{name}_best_total']:.2f}**, at α = "
         f"{head[f'{name}_best_smoothing']:g}", "yes")
        for name, words in names.items()
        if f"{name}_best_total" in head
    ]  # fmt: skip


def _best_k(head: Any, setup: Any) -> str:
    whole = head["srm_topk_k"] == setup["sae"].get("dict_size")
    return "with the whole SAE" if whole else f"at k = {head['srm_topk_k']:.0f}"


def _tokens(last: Any) -> list[tuple[str, str, str]]:
    rows = last[(last["family"] == "faithfulness_tokens") & (last["proxy"] == "sae")]
    return [
        ("this SAE changes the loss of a token by at most",
         f"{row['total']:.2f} on average (measured: {row['gap']:.2f})", "yes")
        for row in rows.to_dict("records")
    ]  # fmt: skip


def _mean_k(probe: Any) -> dict[str, float]:
    sparsity = probe.table("sparsity")
    inside = sparsity[sparsity["positions"] == "without_bos"]
    return dict(zip(inside["corpus"], inside["mean"], strict=True))


def _share(fixed: Any, corpus: str) -> str:
    return f"{100 * fixed[corpus]['sequence_rate']:.0f} %"


def _level(probe: Any) -> str:
    from semdim.plots.selections.score_rows import levels, main_level

    return levels()[main_level(probe)]


def _auroc(probe: Any) -> list[str]:
    from semdim.plots.selections.score_rows import main_level

    table = probe.table("uncertainty")
    here = table[table["level"] == main_level(probe)]
    cells = here.set_index(["score", "shift"])["auroc"]
    return [
        f"| {words} | {cells[score, 'python']:.3f} | {cells[score, 'random']:.3f} |"
        for score, words in SCORES.items()
        if (score, "python") in cells
    ]


def in_step(page: str, text: str) -> str:
    """The page with ``text`` between the two comments.

    Raises:
        ArtifactError: the page lacks one of them.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ArtifactError(
            f"The page lacks the comments {BEGIN!r} and {END!r} around its numbers."
        )
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m semdim.results.readme")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="the page to bring in step")
    page = parser.parse_args().write
    text = found(Paths().results(PROBE))
    if page is None:
        return print(text)
    write_atomically(page, in_step(page.read_text(encoding="utf-8"), text))
    print(f"wrote {page}")


if __name__ == "__main__":
    main()
