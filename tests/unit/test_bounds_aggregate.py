"""From the ledger to units, settings, atom orders and pools."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from semdim.atoms.order import atom_order_by_frequency, atom_order_by_importance
from semdim.bounds.aggregate import sequence_losses
from semdim.bounds.calibration import calibration_documents, outside_pool
from semdim.bounds.quantities import smoothed_loss
from semdim.bounds.spec import BoundSpec
from semdim.errors import ConfigError, DataError

CONTEXT, DOCUMENTS = 5, [0, 1, 2, 0, 2, 0]  # rounds: documents give a first chunk, then a second


def ledger(documents: list[int] = DOCUMENTS, context: int = CONTEXT, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = len(documents)
    frame = pd.DataFrame(
        {
            "document": np.repeat(documents, context),
            "sequence": np.repeat(np.arange(n), context),
            "position": np.tile(np.arange(context), n),
            "n_active": rng.integers(1, 50, n * context).astype(np.int32),
        }
    )
    frame["is_bos"] = frame["position"] == 0
    for name in ("model", "sae", "topk_16"):
        nll = rng.gamma(2.0, 2.0, n * context).astype(np.float32)
        nll[context - 1 :: context] = np.nan
        frame[f"nll_{name}"] = nll
    return frame


def test_units_agree_with_loops() -> None:
    frame = ledger()
    table = sequence_losses(frame, ["model", "sae"], 0.5, 1000, keep_tokens=True)
    by_sequence, by_document = table.by_unit("sequence"), table.by_unit("document")
    by_token = table.by_unit("token")
    gaps: dict[int, list[float]] = {}
    means: dict[int, list[float]] = {}
    for index, (_, rows) in enumerate(frame.groupby("sequence")):
        losses = {
            name: smoothed_loss(rows[f"nll_{name}"].to_numpy(float)[:-1], 0.5, 1000)
            for name in ("model", "sae")
        }
        gap = abs(losses["model"].mean() - losses["sae"].mean())
        assert by_sequence.losses["model"][index] == pytest.approx(losses["model"].mean())
        assert by_sequence.abs_gaps["sae"][index] == pytest.approx(gap)
        k = rows["n_active"][~rows["is_bos"]].mean()
        assert by_sequence.n_active[index] == pytest.approx(k)
        gaps.setdefault(int(rows["document"].iloc[0]), []).append(gap)
        means.setdefault(int(rows["document"].iloc[0]), []).append(losses["model"].mean())
        start = index * (CONTEXT - 1)
        token_gap = np.abs(losses["model"] - losses["sae"])
        found = by_token.abs_gaps["sae"][start : start + CONTEXT - 1]
        assert found == pytest.approx(token_gap)
    assert by_document.document.tolist() == [0, 1, 2]
    for place, document in enumerate(by_document.document):
        assert by_document.losses["model"][place] == pytest.approx(np.mean(means[document]))
        assert by_document.abs_gaps["sae"][place] == pytest.approx(np.mean(gaps[document]))
    assert by_document.size.n_units == 3 and by_sequence.size.n_units == 6
    assert by_token.size.n_units == 24 and by_token.size.n_tokens == 30


def test_mean_n_active_with_and_without_position_zero() -> None:
    frame = ledger()
    table = sequence_losses(frame, ["model"], 0.5, 1000)
    assert table.mean_n_active("all") == pytest.approx(frame["n_active"].mean())
    assert table.mean_n_active() == pytest.approx(frame["n_active"][~frame["is_bos"]].mean())


def test_first_takes_whole_sequences_and_refuses_more_than_there_is() -> None:
    table = sequence_losses(ledger(), ["model", "sae"], 0.5, 1000)
    part = table.first(14)
    assert part.n_sequences == 2 and part.by_unit("document").size.n_tokens == 10
    assert table.first(34).n_sequences == 6
    with pytest.raises(DataError, match=r"holds 30 tokens \(6 sequences of 5\)"):
        table.first(35)
    with pytest.raises(DataError, match="does not fill one sequence"):
        table.first(4)


def test_documents_stand_in_the_order_of_their_first_window() -> None:
    table = sequence_losses(ledger([3, 1, 3, 0, 1]), ["model"], 0.5, 1000)
    assert table.by_unit("document").document.tolist() == [3, 1, 0]
    with pytest.raises(DataError, match="no sequence"):
        table.take(slice(0, 0)).by_unit("document")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="nll_sae"), "lacks nll_sae; its losses are nll_model"),
        (lambda f: f.iloc[:-1], "not whole sequences"),
        (lambda f: f.iloc[::-1], "not whole sequences"),
        (lambda f: f.iloc[:0], "no rows"),
        (lambda f: f.assign(document=np.arange(len(f))), "crosses documents"),
        (lambda f: f.assign(sequence=0), "not contiguous"),
        (lambda f: f.assign(nll_sae=f["nll_sae"].mask(f.index == 2)), "NaN"),
        (lambda f: f.assign(nll_sae=f["nll_sae"].fillna(1.0)), "last position"),
        (lambda f: f.assign(nll_sae=f["nll_sae"] - 50.0), "probability > 1"),
    ],
)
def test_damaged_ledgers_are_refused(change: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        sequence_losses(change(ledger()), ["model", "sae"], 0.5, 1000)  # type: ignore[operator]


def test_tokens_need_their_losses() -> None:
    table = sequence_losses(ledger(), ["model"], 0.5, 1000)
    with pytest.raises(DataError, match="keep_tokens"):
        table.by_unit("token")
    with pytest.raises(DataError, match="max_rank has shape"):
        table.with_max_rank(np.zeros(5, dtype=int))


def test_pools_are_nested_prefixes_of_the_order() -> None:
    atoms = np.array([0, 2, 2, 3, 2, 0, 4])
    sequence = np.array([0, 0, 1, 1, 2, 2, 3])
    counts = np.bincount(atoms, minlength=6)
    order = atom_order_by_frequency(counts)
    assert order.tolist() == [2, 0, 3, 4, 1, 5]  # ties by index
    both = atom_order_by_frequency(np.stack([counts, np.zeros_like(counts)]))
    assert both.tolist() == order.tolist()
    rank = np.argsort(order)
    largest = np.array([max(rank[atoms[sequence == s]], default=-1) for s in range(5)])
    assert largest.tolist() == [1, 2, 1, 3, -1]
    for pool_size in range(1, 7):
        members = set(order[:pool_size].tolist())
        expected = [not set(atoms[sequence == s].tolist()) <= members for s in range(5)]
        assert outside_pool(largest, pool_size, 6).tolist() == expected


def test_pools_refuse_what_is_no_order() -> None:
    assert atom_order_by_importance(np.array([0.1, -2.0, 3.0])).tolist() == [2, 0, 1]
    with pytest.raises(DataError, match="finite and not negative"):
        atom_order_by_frequency(np.array([1, -1]))
    with pytest.raises(DataError, match="must be finite"):
        atom_order_by_importance(np.array([1.0, np.nan]))
    with pytest.raises(ConfigError, match="between 1 and dict_size"):
        outside_pool(np.array([0]), 7, 6)


def test_calibration_documents_of_a_part_are_those_of_the_whole() -> None:
    whole = calibration_documents(np.arange(500), 0.2, 7)
    assert 60 < len(whole) < 140
    part = calibration_documents(np.arange(200), 0.2, 7)
    assert part.tolist() == [label for label in whole.tolist() if label < 200]
    assert calibration_documents(np.arange(500), 0.2, 8).tolist() != whole.tolist()
    with pytest.raises(DataError, match="cannot be split"):
        calibration_documents(np.array([0, 0]), 0.5, 0)
    with pytest.raises(ConfigError, match="fraction"):
        calibration_documents(np.arange(10), 1.0, 0)
    with pytest.raises(DataError, match="labels"):
        calibration_documents(np.array(["a", "b"]), 0.5, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_token": [1000]}, "Did you mean 'n_tokens'"),
        ({"k": "abc"}, "bound.k = 'abc' must be a whole number"),
        ({"k": 1.5}, "bound.k = 1.5 must be a whole number"),
        ({"k": 0}, "bound.k = 0 must be a whole number between 1 and"),
        ({"n_tokens": []}, "n_tokens = .* must hold at least one entry"),
        ({"n_tokens": [2000, 1000]}, "must ascend"),
        ({"topk_grid": [16, 16]}, "must ascend"),
        ({"failure_prob": 0}, "bound.failure_prob"),
        ({"failure_prob": "x"}, "must be a number"),
        ({"smoothing": 1.0}, "smoothing"),
        ({"smoothing_grid": [0.5, 2.0]}, "smoothing"),
        ({"unit": "paragraph"}, "bound.unit"),
        ({"method": "magic"}, "bound.method"),
        ({"srm_form": "product"}, "bound.srm_form"),
        ({"k_positions": "some"}, "bound.k_positions"),
        ({"pay_for_n_grid": 1}, "must be true or false"),
        ({"calibration_fraction": 0.0}, "calibration_fraction"),
        ({"sparsity_bins": -1}, "sparsity_bins"),
        ({"n_tokens": [1000, 2000], "n_predeclared": 1}, "n_predeclared = 1 must be at least 7"),
    ],
)
def test_bad_settings_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BoundSpec.from_mapping(change)


def test_settings_know_what_selection_costs() -> None:
    spec = BoundSpec.from_mapping({"n_tokens": [1000, 2000], "smoothing_grid": [0.1, 0.5]})
    assert spec.smoothings == (0.5, 0.1) and spec.n_choices == 3  # α = .1 at the largest N alone
    assert replace(spec, smoothing_grid_at="every").n_choices == 4
    assert BoundSpec.from_mapping({"n_tokens": 1000, "k": 16.0}).n_choices == 6
    assert BoundSpec(n_tokens=(1000,), n_predeclared=25).n_choices == 25
    assert BoundSpec(pay_for_n_grid=False).n_choices == 6
    assert BoundSpec(k=16).point_proxy == "topk_16" and BoundSpec().point_proxy == "sae"


def test_the_shipped_settings_are_the_defaults() -> None:
    from pathlib import Path

    from omegaconf import OmegaConf

    path = Path(__file__).parents[2] / "conf" / "bound" / "default.yaml"
    assert BoundSpec.from_mapping(OmegaConf.load(path)) == BoundSpec()


@pytest.mark.parametrize("statistic", ["median", "mean"])
def test_the_typical_k_of_a_document_is_that_of_its_windows(statistic: str) -> None:
    from ledger_factory import VOCAB_SIZE, make_ledger

    rows = make_ledger()
    table = sequence_losses(rows, ["model"], 0.5, VOCAB_SIZE)
    inside = rows[rows["position"] > 0]
    by_sequence = inside.groupby(["document", "sequence"])["n_active"].agg(statistic)
    found = table.take(np.arange(80)).typical_n_active(statistic, "document")
    assert found.tolist() == pytest.approx(by_sequence.groupby("document").mean().tolist())
    wild = rows.assign(n_active=rows["n_active"].where(rows["position"] != 5, 10_000))
    moved = sequence_losses(wild, ["model"], 0.5, VOCAB_SIZE).typical_n_active(
        statistic, "document"
    )
    # one outlier token in each window decides the mean and hardly moves the median
    assert (np.abs(moved - found).max() < 5) == (statistic == "median")
