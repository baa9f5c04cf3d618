"""The tables of measure_errors, column by column."""

from semdim.results.column import Column, TableSchema

TOKENS, DOCUMENTS, ATOMS = "tokens", "documents", "atoms"
STAGE = "measure_errors"
_OUTCOME = Column(
    "outcome", "top1_error (0 or 1), nll (bits), loss (bits, smoothed)", "", "text", True
)
_SCORE = Column("score", "name of the score; larger means trusted less", "", "text", True)
_DIRECTION = Column(
    "direction",
    "expected; reversed: minus the score, where other documents show that; learnt: fitted on them",
    "",
    "text",
    True,
)
_KEY = (_OUTCOME, _SCORE, _DIRECTION)
_MEASURES = {
    "aurc": "area under the risk–coverage curve: mean risk of the most trusted tokens",
    "e_aurc": "that above the area of the best order",
    "auroc": "chance that a wrong token scores above a right one",
    "aupr": "average precision of finding the wrong ones",
    "auroc_within": "AUROC over pairs of tokens of one document",
    "spearman": "rank correlation with the outcome, over tokens",
    "spearman_within": "mean over documents of the rank correlation inside each",
    "spearman_between": "rank correlation of the documents' means",
    "partial": "partial rank correlation given position, token frequency and entropy",
}


def _with_interval(name: str, meaning: str, unit: str = "") -> tuple[Column, ...]:
    return (
        Column(name, meaning, unit),
        Column(f"{name}_low", "lower end of its interval over resampled documents", unit),
        Column(f"{name}_high", "upper end", unit),
    )


_TESTS = tuple(
    column
    for name in ("auroc", "partial")
    for column in (
        Column(f"{name}_p", f"p-value of {name} against a coin toss, two-sided"),
        Column(f"{name}_p_holm", "that, Holm-adjusted over the scores"),
    )
)
_BY_K = tuple(
    column
    for prefix, words in (("", ""), ("adjusted_", ", freed of position, frequency and entropy"))
    for name, meaning, unit in (
        ("top1_error", "share of tokens whose next token is not the most probable", ""),
        ("nll", "mean loss, not smoothed", "bits per token"),
    )
    for column in _with_interval(f"{prefix}{name}", meaning + words, unit)
)

ERRORS_TABLES = (
    TableSchema(
        "errors",
        STAGE,
        "a score, read in one direction, against an outcome on the in-distribution sample",
        (
            *_KEY,
            Column("n_tokens", "tokens", TOKENS, is_required=True),
            Column("n_documents", "documents that are resampled", DOCUMENTS),
            *(
                column
                for name, meaning in _MEASURES.items()
                for column in _with_interval(name, meaning)
            ),
            *_TESTS,
        ),
    ),
    TableSchema(
        "errors_curve",
        STAGE,
        "a point of a risk–coverage curve",
        (
            *_KEY,
            Column("coverage", "share of the tokens that are trusted most", is_required=True),
            Column("risk", "mean outcome of these", is_required=True),
        ),
    ),
    TableSchema(
        "errors_by_k",
        STAGE,
        "a bin of k: errors and calibration of its tokens",
        (
            Column("bin", "number of the bin, by ascending k", is_required=True),
            Column("least_k", "smallest k in the bin", ATOMS),
            Column("largest_k", "largest", ATOMS),
            Column("mean_k", "mean", ATOMS, is_required=True),
            Column("n_tokens", "tokens in the bin", TOKENS, is_required=True),
            *_BY_K,
            Column("confidence", "mean of the largest probability"),
            Column("accuracy", "share whose next token is the most probable"),
            *_with_interval("ece", "expected calibration error of the largest probability"),
        ),
    ),
    TableSchema(
        "reliability",
        STAGE,
        "a bin of the largest probability, among the tokens of a bin of k",
        (
            Column("k_bin", "number of the bin of k; 0: all tokens", is_required=True),
            Column("left", "smallest probability of the bin", is_required=True),
            Column("count", "tokens in it", TOKENS, is_required=True),
            Column("confidence", "mean of the largest probability", is_required=True),
            Column("accuracy", "share whose next token is the most probable", is_required=True),
        ),
    ),
    TableSchema(
        "mondrian",
        STAGE,
        "a cell of position and token frequency: alarms on n_active at single tokens",
        (
            Column("corpus", "name of the corpus", "", "text", True),
            Column("position_bin", "bin of the position, from 1; 0: all tokens", is_required=True),
            Column("frequency_bin", "bin of the token, from 1, common first; 0: all tokens",
                   is_required=True),
            Column("n_tokens", "tokens", TOKENS),
            Column("threshold", "k of the cell's alarm; empty: it never raises one", ATOMS),
            Column("common_threshold", "k of one alarm for all tokens", ATOMS),
            Column("rate_common", "share of alarms with that, mean over documents",
                   is_required=True),
            Column("rate_common_error", "its standard error over documents"),
            Column("rate_own", "share of alarms with a threshold for each cell", is_required=True),
            Column("rate_own_error", "its standard error over documents"),
        ),
    ),
    TableSchema(
        "selective_risk",
        STAGE,
        "a target risk: the threshold on a score that is certified to keep to it (family 10)",
        (
            *_KEY,
            Column("target_risk", "r: risk of what is let through, in the outcome's unit",
                   is_required=True),
            Column("threshold", "value of the score up to which (reversed: from which) tokens are "
                   "let through; empty: none is certified"),
            Column("coverage", "certified: at least this share is let through", is_required=True),
            Column("measured_risk", "risk at the threshold on the calibration documents"),
            Column("measured_coverage", "share let through of them"),
            Column("n_documents", "calibration documents", DOCUMENTS),
            Column("failure_prob", "δ of this row; those of a score's rows add up to the curve's"),
            Column("is_certified", "whether a threshold was found", "", "flag"),
        ),
    ),
)  # fmt: skip
