"""Every column of every table that a stage writes: name, unit, meaning, kind, needed or not.

Readers fill what may be missing, writers refuse what is not written down here (`check_columns`),
and docs/results.md is this module as a page (``python -m semdim.results.describe``).
"""

from collections.abc import Iterable
from dataclasses import replace

from semdim.errors import ConfigError, DataError
from semdim.results.column import Column, Kind, TableSchema
from semdim.results.errors_columns import ERRORS_TABLES
from semdim.results.rounding_columns import ROUNDING

BITS, TOKENS, SEQUENCES = "bits per token", "tokens", "sequences"
NORM = "units of the activation"
DOCUMENTS, UNITS, ATOMS, NATS = "documents", "units", "atoms", "nats"


def _must(name: str, meaning: str, unit: str = "", kind: Kind = "number") -> Column:
    return Column(name, meaning, unit, kind, is_required=True)


_SIZE = (
    Column("n_sequences", "sequences of the sample", SEQUENCES),
    Column("n_documents", "documents of the sample", DOCUMENTS),
)
_ASKED = Column("n_tokens_asked", "N of the grid, in whole sequences", TOKENS)
_WINDOWS = Column(
    "windows_per_document",
    "W: the first W windows of each document count; empty: all sequences of the first N tokens",
)
_USED = _must("n_tokens", "tokens that were used, BOS included", TOKENS)
_TERMS = (
    Column("proxy_risk", "term: mean smoothed loss on the sample, of the proxy or the model", BITS),
    Column("gap", "term: mean |loss of the model − loss of the proxy| on the sample", BITS),
    Column("outside", "term: loss range × share of units with an atom outside the pool", BITS),
    Column("complexity", "term: price of the class of proxies", BITS),
    Column("tail", "term: price of finite data, for the risk", BITS),
    Column("gap_tail", "term: price of finite data, for the gap", BITS),
)
_STATEMENT = (
    Column("smoothing", "α: how much of the uniform distribution is mixed in"),
    Column("failure_prob", "δ of the whole statement"),
    Column("method", "concentration method, where there is a choice", kind="text"),
)
_TOTAL = (
    _must("total", "the bound: the sum of its terms", BITS),
    _must("baseline", "log2 V, the loss of a uniform guess; empty where a gap is bounded", BITS),
)
_CELL = (
    _must("score", "name of the score; larger means taken for unfamiliar", kind="text"),
    _must("shift", "the corpus that is compared with the in-distribution one", kind="text"),
    _must("level", "token, a statistic of a sequence, or chosen: each score's own", kind="text"),
)
_CORPUS = _must("corpus", "name of the corpus", kind="text")
_POSITIONS = _must("positions", "all, or without_bos: position 0 and BOS left out", kind="text")


def _bins(of: str, unit: str) -> tuple[Column, ...]:
    return (
        _must("left", f"smallest {of} of the bin", ATOMS),
        _must("right", "end of the bin, which belongs to the next", ATOMS),
        _must("count", f"{unit} in the bin", unit),
    )


_ALL = (
    TableSchema(
        "bounds",
        "assemble_bound",
        "a bound: a family at one N and α, with every choice that the family offers",
        (
            _must("family", "name of the family; docs/bounds.md has the formulas", "", "text"),
            _must("is_certificate", "whether the total is a theorem", kind="flag"),
            _must("unit", "what is taken to be independent", kind="text"),
            _USED,
            _ASKED,
            *_SIZE,
            _WINDOWS,
            Column("n_units", "independent units behind the tail", UNITS),
            Column("k", "active atoms per token: a mean (as published) or the most (top-k)", ATOMS),
            *_STATEMENT,
            *_TERMS,
            *_TOTAL,
            Column("proxy", "whose losses are used: model, sae, topk_16, …", kind="text"),
            Column("pool_size", "P: atoms in the pool", ATOMS),
            Column("valid_for_all_n", "whether the curve holds at all N at once", kind="flag"),
            Column("subject", "what the total bounds, in words", kind="text"),
            Column("failure_ledger", "the shares of δ, by what they pay for", kind="text"),
            Column("ssd_nats", "as published: k ln(em/k), the sparse semantic dimension", NATS),
            Column("complexity_exact", "covering: 24B·∫√((SSD + k ln(3/u))/N) du, no Jensen", BITS),
            Column("form", "top-k: how risk and gap are put together", kind="text"),
            Column("n_k", "top-k: grid values of k that share δ"),
            Column("n_points", "points of the curve that share δ"),
            Column("outside_share", "pool: share of units with an atom outside it"),
            Column("log_choose_nats", "pool: ln of the number of pools of its size", NATS),
            Column("source", "holdout by source: the label of the source", kind="text"),
            Column("source_share", "holdout by source: its share of the units"),
            Column("bin", "risk by sparsity: number of the bin, from 1"),
            Column("n_bins", "risk by sparsity: bins that share δ"),
            Column("k_statistic", "risk by sparsity: median or mean of a unit's k", kind="text"),
            Column("bin_left", "risk by sparsity: smallest n_active of the bin", ATOMS),
            Column("bin_right", "risk by sparsity: its end; empty for the last bin", ATOMS),
            Column("share_above", "faithfulness_quantile: share of documents that may exceed it"),
        ),
    ),
    TableSchema(
        "curve",
        "assemble_bound",
        "an N: what DVC plots",
        (
            _must("n_tokens", "N of the grid, in whole sequences, BOS included", TOKENS),
            Column("<curve>", "total of the family (with its method, proxy or P), main α", BITS),
        ),
    ),
    TableSchema(
        "proxies",
        "assemble_bound",
        "a proxy on the sample, or on the part of it that the proxy was run on",
        (
            _must("proxy", "model, sae, topk_16, random_decoder, …", kind="text"),
            _must("splice", "no_bos: BOS is passed through; all: it is replaced too", kind="text"),
            Column("k", "most atoms kept per token, where the proxy has a limit", ATOMS),
            Column("uncut_share", "share of tokens that have at most k active atoms anyway"),
            *_SIZE,
            _must("risk", "mean over sequences of the smoothed loss (not over documents)", BITS),
            Column("signed_gap", "mean over sequences of loss of the model − of the proxy", BITS),
            _must("abs_gap", "mean over sequences of the absolute value of that", BITS),
            Column("nll", "mean over tokens of −log2 p, not smoothed", BITS),
        ),
    ),
    TableSchema(
        "surface",
        "sweep_bound",
        "a point (N, k) of the certificate with hard top-k codes; all points hold at once",
        (
            _USED,
            _ASKED,
            *_SIZE,
            _WINDOWS,
            _must("k", "most atoms kept per token", ATOMS),
            Column("unit", "what is taken to be independent", kind="text"),
            *_STATEMENT,
            *(term for term in _TERMS if term.name not in ("outside", "complexity")),
            *_TOTAL,
            Column("is_certificate", "whether the total is a theorem", kind="flag"),
            _must("is_best", "whether k is k*(N), the smallest certificate at N", kind="flag"),
            Column("as_published", "the published number with this proxy (no theorem)", BITS),
        ),
    ),
    TableSchema(
        "sparsity",
        "measure_uncertainty",
        "a corpus and a choice of positions (Table 1): n_active of its tokens",
        (
            _CORPUS,
            _POSITIONS,
            _must("n_tokens", "tokens counted", TOKENS),
            _must("mean", "mean", ATOMS),
            _must("std", "standard deviation of these tokens (ddof = 0)", ATOMS),
            Column("min", "smallest", ATOMS),
            *(Column(f"q{q:02d}", f"{q} % quantile", ATOMS) for q in (5, 25, 50, 75, 95, 99)),
            _must("max", "largest", ATOMS),
        ),
    ),
    TableSchema(
        "radii",
        "measure_uncertainty",
        "a norm of a corpus's tokens at a choice of positions: C_c and C as observed",
        (
            _CORPUS,
            _must("quantity", "code_radius ‖c‖, reconstruction_radius ‖S(h)‖, activation_radius",
                  kind="text"),
            _must("positions", "all, without_bos, or without_outliers: norm outliers left out, too",
                  kind="text"),
            _must("n_tokens", "tokens counted", TOKENS),
            *(Column(f"q{q}", f"{q} % quantile", NORM) for q in (50, 95, 99)),
            _must("max", "largest: the radius", NORM),
        ),
    ),
    ROUNDING,
    TableSchema(
        "sparsity_histogram",
        "measure_uncertainty",
        "a bin of n_active; the same bins for every corpus",
        (_CORPUS, _POSITIONS, *_bins("n_active", TOKENS)),
    ),
    TableSchema(
        "sequence_histogram",
        "measure_uncertainty",
        "a bin of a sequence's value of the guardrail's statistic, position 0 left out",
        (_CORPUS, *_bins("n_active by that statistic", SEQUENCES)),
    ),
    TableSchema(
        "uncertainty",
        "measure_uncertainty",
        "a score, a shift and a level",
        (
            *_CELL,
            _must("auroc", "chance that an unfamiliar item scores above a familiar one"),
            Column("auroc_low", "lower end of its interval over resampled documents"),
            Column("auroc_high", "upper end"),
            Column("aupr", "area under precision and recall, the shift as the positive class"),
            Column("aupr_low", "lower end of its interval"),
            Column("aupr_high", "upper end"),
            Column("fpr_at_95_tpr", "false alarms where 95 % of the shift is detected"),
            Column("fpr_low", "lower end of its interval"),
            Column("fpr_high", "upper end"),
            Column("n_id", "familiar items: tokens or sequences"),
            Column("n_ood", "unfamiliar items"),
            Column("n_id_documents", "documents of the familiar ones", DOCUMENTS),
            Column("n_ood_documents", "documents of the unfamiliar ones", DOCUMENTS),
            Column("family", "what the score looks at", kind="text"),
            Column("uses_labels", "whether it needs the true next token", kind="flag"),
            Column("two_sided", "whether it is a distance from the familiar mean", kind="flag"),
            Column("fit_deviation", "standard deviation of the AUROC over refits; in its interval"),
        ),
    ),
    TableSchema(
        "roc",
        "measure_uncertainty",
        "a point of a ROC curve, each score at its chosen level",
        (
            *_CELL,
            _must("false_positive_rate", "share of familiar sequences above the threshold"),
            _must("true_positive_rate", "share of unfamiliar sequences above it"),
        ),
    ),
    *ERRORS_TABLES,
    TableSchema(
        "points",
        "any stage as a sweep (python -m stages.<stage> -m …)",
        "a point of the sweep",
        (
            _must("point", "number of the point, from 0"),
            Column("<setting>", "each setting in which points differ, by its dotted name"),
            Column("<result>", "what the stage records: the names of bound.json, for instance"),
        ),
    ),
)  # fmt: skip

TABLES: dict[str, TableSchema] = {schema.name: schema for schema in _ALL}
"""Every table by file name."""


def describe_column(table: str, column: Column) -> None:
    """Add a column to a table's schema: for a family or a score from outside semdim that brings
    one. The same column may be described again.

    Raises:
        ConfigError: the table is unknown, or has another column of this name.
    """
    schema = _schema(table)
    known = {entry.name: entry for entry in schema.columns}.get(column.name)
    if known not in (None, column):
        raise ConfigError(
            f"{table}.csv has a column {column.name!r} already ({known.meaning}): give yours "
            "another name."
        )
    if known is None:
        TABLES[table] = replace(schema, columns=(*schema.columns, column))


def check_columns(table: str, columns: Iterable[object]) -> None:
    """Check a table before it is written.

    Args:
        table: file name without its ending.
        columns: its headings; iterating over a data frame gives them.

    Raises:
        ConfigError: no table is called so.
        DataError: a column is not in the schema, or one that readers need is missing.
    """
    schema = _schema(table)
    found = [str(column) for column in columns]
    is_open = any(column.is_pattern for column in schema.columns)
    unknown = [] if is_open else [name for name in found if name not in schema.names]
    missing = [name for name in schema.required if name not in found]
    for what, names in (("a column that nobody knows", unknown), ("no column", missing)):
        if names:
            raise DataError(
                f"{table}.csv would get {what}: {', '.join(names)}; semdim/results/schema.py says "
                "what the table consists of, and describes each column that it may have."
            )


def _schema(table: str) -> TableSchema:
    if table not in TABLES:
        raise ConfigError(f"No table is called {table!r}: choose one of {', '.join(TABLES)}.")
    return TABLES[table]
