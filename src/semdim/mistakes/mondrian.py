"""A guardrail on single tokens with a threshold of its own in each bin of position and frequency.

One threshold for all tokens promises its rate of false alarms on average: it may ring all the time
for rare tokens and never for common ones. With a split conformal threshold in each bin (Mondrian
conformal prediction: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005)
the promise holds in each: a random token of a bin, of a fresh document that has one, raises the
alarm with probability at most a. It needs exchangeable documents; tokens of one document are not
exchangeable with those of others, so each calibration document gives one token, at random, to each
bin. The bins are fixed on documents that do not calibrate.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from semdim.errors import DataError
from semdim.uncertainty.conformal import conformal_threshold
from semdim.uncertainty.scores.unigram_nll import fit as unigram_fit
from semdim.uncertainty.scores.unigram_nll import value as unigram_value


@dataclass(frozen=True)
class Cells:
    """Bins of position × bins of frequency."""

    position: Float[np.ndarray, " position_edges"]
    """Inner edges of the position; a bin holds its right edge."""
    frequency: Float[np.ndarray, " frequency_edges"]
    """Inner edges of the token's −log2 frequency."""
    bits: Float[np.ndarray, " vocab_size"]
    """−log2 frequency of each token."""

    @classmethod
    def of(
        cls, rows: pd.DataFrame, vocab_size: int, position_bins: int, frequency_bins: int
    ) -> "Cells":
        """Bins of about equal count on rows of documents that do not calibrate."""
        bits = unigram_fit(rows, vocab_size)
        values = (rows["position"].to_numpy(dtype=np.float64), unigram_value(rows, bits))
        edges = [
            np.unique(np.quantile(own, np.arange(1, n_bins) / n_bins, method="inverted_cdf"))
            for own, n_bins in zip(values, (position_bins, frequency_bins), strict=True)
        ]
        return cls(edges[0], edges[1], bits)

    @property
    def shape(self) -> tuple[int, int]:
        """Bins of position and of frequency."""
        return len(self.position) + 1, len(self.frequency) + 1

    def place(self, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Position bin and frequency bin of each row, from 0."""
        position = rows["position"].to_numpy(dtype=np.float64)
        return (
            np.searchsorted(self.position, position, side="left"),
            np.searchsorted(self.frequency, unigram_value(rows, self.bits), side="left"),
        )

    def number(self, rows: pd.DataFrame) -> Int[np.ndarray, " rows"]:
        """Number of the cell of each row."""
        position, frequency = self.place(rows)
        return position * self.shape[1] + frequency


def one_of_each(
    cell: Int[np.ndarray, " items"], document: Int[np.ndarray, " items"], rng: np.random.Generator
) -> Int[np.ndarray, " chosen"]:
    """Of each document one item of each cell that it has items of, at random."""
    order = rng.permutation(len(cell))
    pairs = np.stack([document[order], cell[order]], axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    return order[first]


def thresholds(
    score: Float[np.ndarray, " items"],
    cell: Int[np.ndarray, " items"],
    document: Int[np.ndarray, " items"],
    n_cells: int,
    false_alarm_rate: float,
    rng: np.random.Generator,
) -> Float[np.ndarray, " cells"]:
    """The conformal threshold of each cell: an alarm is a score above it.

    A cell that too few documents have tokens of gets ∞: it never raises an alarm, which keeps the
    promise.

    Args:
        score: of the calibration documents' items.
        cell: of each.
        document: of each.
        n_cells: cells that there are.
        false_alarm_rate: a, in (0, 1).
        rng: draws one item of each document for each cell.
    """
    chosen = one_of_each(cell, document, rng)
    found = np.full(n_cells, np.inf)
    for index in range(n_cells):
        try:
            found[index] = conformal_threshold(
                score[chosen[cell[chosen] == index]], false_alarm_rate
            )
        except DataError:
            continue  # too few documents to promise this rate
    return found


def rate_by_document(
    alarm: Bool[np.ndarray, " items"], document: Int[np.ndarray, " items"]
) -> tuple[float, float]:
    """Chance that a random item of a random document raises the alarm, and its standard error."""
    _, code = np.unique(document, return_inverse=True)
    rates = np.bincount(code, weights=alarm) / np.bincount(code)
    error = float(rates.std(ddof=1) / len(rates) ** 0.5) if len(rates) > 1 else float("nan")
    return float(rates.mean()), error


def mondrian_table(
    choice: pd.DataFrame,
    calibration: pd.DataFrame,
    tests: Mapping[str, pd.DataFrame],
    *,
    vocab_size: int,
    false_alarm_rate: float,
    position_bins: int,
    frequency_bins: int,
    rng: np.random.Generator,
    score: str = "n_active",
) -> pd.DataFrame:
    """mondrian.csv: alarms of one threshold and of a threshold for each cell, cell by cell.

    Args:
        choice: rows on which the bins are fixed.
        calibration: rows of other documents.
        tests: rows of further documents, by corpus; the in-distribution one among them.
        vocab_size: of the model.
        false_alarm_rate: a.
        position_bins: bins of position.
        frequency_bins: bins of frequency.
        rng: of the draw of calibration tokens.
        score: column that raises the alarm.
    """
    cells = Cells.of(choice, vocab_size, position_bins, frequency_bins)
    n_cells = cells.shape[0] * cells.shape[1]
    values = calibration[score].to_numpy(dtype=np.float64)
    document, cell = calibration["document"].to_numpy(), cells.number(calibration)
    own = thresholds(values, cell, document, n_cells, false_alarm_rate, rng)
    everywhere = np.zeros(len(values), dtype=np.int64)
    (common,) = thresholds(values, everywhere, document, 1, false_alarm_rate, rng)
    rows = []
    for corpus, table in tests.items():
        k, place = table[score].to_numpy(dtype=np.float64), cells.number(table)
        where = table["document"].to_numpy()
        for index in (-1, *range(n_cells)):  # −1: all tokens
            inside = (place == index) | (index < 0)
            if not inside.any():
                continue
            rates = [
                rate_by_document((k > level)[inside], where[inside])
                for level in (np.full(len(k), common), own[place])
            ]
            position, frequency = divmod(index, cells.shape[1])
            rows.append(
                {
                    "corpus": corpus,
                    "position_bin": 0 if index < 0 else position + 1,
                    "frequency_bin": 0 if index < 0 else frequency + 1,
                    "n_tokens": int(inside.sum()),
                    "threshold": float("nan") if index < 0 else own[index],
                    "common_threshold": float(common),
                    "rate_common": rates[0][0],
                    "rate_common_error": rates[0][1],
                    "rate_own": rates[1][0],
                    "rate_own_error": rates[1][1],
                }
            )
    return pd.DataFrame(rows).replace([np.inf], np.nan)
