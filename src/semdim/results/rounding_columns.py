"""rounding.csv, column by column."""

from semdim.results.column import Column, TableSchema

ATOMS, TOKENS, SEQUENCES = "atoms", "tokens", "sequences"
_CHANGES = {"q50": "median", "q95": "95 % quantile", "q99": "99 % quantile", "max": "maximum"}
_IN_BOTH = (
    ("mean", "mean of n_active", ATOMS),
    ("median", "median of n_active", ATOMS),
    ("max", "largest n_active", ATOMS),
    ("above", "share of sequences with a token above the threshold", ""),
    ("massive", "tokens with ‖h‖ above ten medians of float32's", TOKENS),
)

ROUNDING = TableSchema(
    "rounding",
    "measure_rounding",
    "a corpus: n_active of its first tokens in float32 and in bfloat16, position 0 left out",
    (
        Column("corpus", "name of the corpus", "", "text", is_required=True),
        Column("run_dtype", "arithmetic of the run; the other was computed again", "", "text"),
        Column("n_tokens", "tokens compared", TOKENS, is_required=True),
        Column("n_sequences", "sequences that hold them", SEQUENCES),
        Column("threshold", "the paper's rule: n_active above it", ATOMS, is_required=True),
        Column("equal", "share of tokens with the same n_active in both", is_required=True),
        *(
            Column(f"change_{name}", f"{words} of |difference of a token's n_active|", ATOMS)
            for name, words in _CHANGES.items()
        ),
        *(
            Column(
                f"sequence_{name}_change",
                f"mean over sequences of |difference of the {words} of n_active|",
                ATOMS,
            )
            for name, words in (("median", "median"), ("max", "maximum"))
        ),
        *(
            Column(f"{name}_{dtype}", f"{words}, in {dtype}", unit, is_required=True)
            for name, words, unit in _IN_BOTH
            for dtype in ("float32", "bfloat16")
        ),
    ),
)
