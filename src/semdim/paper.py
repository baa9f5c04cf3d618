"""What the paper prints, number by number, with the place where it stands.

Source: "Theoretical Framework: Generalization via Sparse Semantic Dimension", section 4, Figure 1
and Table 1. Nothing here is measured by semdim. What the paper does not state (the width of a
model, the atoms of its autoencoder, the vocabulary) is that of the public checkpoints that it
names, and says so.
"""

from dataclasses import dataclass

from semdim.bounds.published_terms import PublishedTerms, published_terms

SMOOTHING = 0.5
"""α (Numerical check, section 3; the experiment states none)."""
FAILURE_PROB = 0.05
"""δ (the same place)."""
FIRST_N, LAST_N = 1_000, 100_000
"""N ∈ [10³, 10⁵], the axis of Figure 1 (section 4.1, Setup)."""
CROSSING_N = 25_000
"""N ≈ 25,000 tokens: from here on GPT-2's bound is below log2 V (section 4.1, Results)."""
PICTURE_N, PICTURE_BITS = 25_088, 15.57
"""A point of GPT-2's curve, read off the picture of Figure 1; the text does not state it."""
PICTURE_RISK_PLUS_GAP = 6.7182
"""R̂ + ε̂, in bits, with which Eq. 17 gives 15.567 at that point: solved for, not printed."""


@dataclass(frozen=True)
class PaperSparsity:
    """A row of Table 1 for one model."""

    condition: str
    """As the table calls it."""
    role: str
    """What semdim calls it: id, shifted or far."""
    mean: float
    """Mean k."""
    std: float
    """Its standard deviation."""
    max: int
    """Largest k."""


@dataclass(frozen=True)
class PaperModel:
    """A model of section 4.1."""

    name: str
    """As the paper calls it."""
    layer: int
    """Layer at which its residual stream is read."""
    table1: tuple[PaperSparsity, ...]
    """Its columns of Table 1."""
    d_model: int
    """Width of the residual stream: of the public model, not in the paper."""
    dict_size: int
    """m: of the public autoencoder at that layer, not in the paper."""
    vocab_size: int
    """V: 50,257 in section 3 for GPT-2; Gemma's is that of the public model."""
    risk_plus_gap: float | None = None
    """R̂ + ε̂ in bits; None: neither text nor picture allow to say."""

    @property
    def mean_n_active(self) -> float:
        """Mean k on the in-distribution text."""
        return self.table1[0].mean

    @property
    def relative_k(self) -> float:
        """k/d_model, by which section 4.1 explains who is ahead."""
        return self.mean_n_active / self.d_model

    def terms(self, n_tokens: int) -> PublishedTerms:
        """The terms of Eq. 17 at this model's mean k, with the paper's α and δ."""
        return published_terms(
            n_active=self.mean_n_active,
            dict_size=self.dict_size,
            n_tokens=n_tokens,
            vocab_size=self.vocab_size,
            smoothing=SMOOTHING,
            failure_prob=FAILURE_PROB,
        )

    def bound(self, n_tokens: int) -> float | None:
        """Eq. 17 in bits with `risk_plus_gap` held fixed over N; None without it."""
        if self.risk_plus_gap is None:
            return None
        terms = self.terms(n_tokens)
        return self.risk_plus_gap + terms.complexity + terms.tail


GPT2_SMALL = PaperModel(
    name="GPT-2 Small",
    layer=6,
    table1=(
        PaperSparsity("In-Distribution (English)", "id", 59.77, 17.87, 162),
        PaperSparsity("Shifted (Code)", "shifted", 62.03, 17.08, 177),
        PaperSparsity("Far-OOD (Random)", "far", 87.35, 24.45, 364),
    ),
    d_model=768,
    dict_size=24_576,
    vocab_size=50_257,
    risk_plus_gap=PICTURE_RISK_PLUS_GAP,
)
GEMMA_2B = PaperModel(
    name="Gemma-2B",
    layer=12,
    table1=(
        PaperSparsity("In-Distribution (English)", "id", 58.19, 17.13, 249),
        PaperSparsity("Shifted (Code)", "shifted", 56.06, 19.90, 330),
        PaperSparsity("Far-OOD (Random)", "far", 69.96, 46.75, 1539),
    ),
    d_model=2048,
    dict_size=16_384,
    vocab_size=256_000,
)
MODELS = (GPT2_SMALL, GEMMA_2B)
