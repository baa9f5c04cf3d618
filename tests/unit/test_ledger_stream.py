"""A ledger that is not in memory: its parts, its stretches, and the same numbers from them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bounds_factory import CASES, FACTS, sample
from hypothesis import given
from hypothesis import strategies as st
from ledger_factory import VOCAB_SIZE, make_facts, make_ledger

from semdim.bounds import aggregate
from semdim.bounds.aggregate import sequence_losses
from semdim.bounds.assemble import assemble_all
from semdim.bounds.calibration import deepest_ranks
from semdim.bounds.per_token import k_and_loss
from semdim.bounds.unigram import unigram_baseline
from semdim.errors import ArtifactError
from semdim.ledger.facts import LedgerFacts
from semdim.ledger.means import Counts, Quantiles, RunningMean
from semdim.ledger.parts import files_of, n_rows_of, parts_of
from semdim.ledger.radii import radii_table
from semdim.ledger.stream import LedgerStream
from semdim.ledger.table import LedgerWriter, read_facts, read_ledger, read_table
from semdim.results.write_proxies import ledger_summary, proxies_of_ledger
from semdim.uncertainty import every_score, metrics, study
from semdim.uncertainty.score import all_scores
from semdim.uncertainty.spec import UncertaintySpec
from semdim.uncertainty.study import TABLES, run_study

CONTEXT = 12


def facts_of(rows: pd.DataFrame) -> LedgerFacts:
    """Facts of a ledger from the factory, its proxies with them."""
    proxies = {name.removeprefix("nll_"): "no_bos" for name in rows if name.startswith("nll_")}
    n_documents = rows["document"].nunique()
    return replace(make_facts(len(rows) // CONTEXT, n_documents, CONTEXT), proxies=proxies)


def written(rows: pd.DataFrame, path: Path, *, part_rows: int = 10**9, group: int = 60) -> Path:
    """The rows as a writer that is given five sequences at a time leaves them."""
    writer = LedgerWriter(path, rows=group, part_rows=part_rows)
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    for first in range(0, len(rows), group):
        writer.append(table.slice(first, group))
    writer.finish(facts_of(rows))
    return path


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """A ledger with the losses of every proxy, and ranks."""
    found, _ = sample(60)
    found["deepest_rank"] = np.random.default_rng(0).integers(-1, 300, len(found), dtype=np.int32)
    return found


def test_a_ledger_of_many_rows_is_a_folder_of_parts(rows: pd.DataFrame, tmp_path: Path) -> None:
    one, many = written(rows, tmp_path / "one"), written(rows, tmp_path / "many", part_rows=300)
    assert one.is_file() and many.is_dir()
    assert [part.name for part in parts_of(many)] == [f"part-{n:05}.parquet" for n in range(5)]
    assert files_of(one) == [one]
    assert {file.name for file in files_of(many)} == {path.name for path in many.iterdir()}
    assert read_facts(one) == read_facts(many) == facts_of(rows)
    assert n_rows_of(many) == len(rows)
    for path in (one, many):
        pd.testing.assert_frame_equal(read_ledger(path)[0], rows)
    pd.testing.assert_frame_equal(pd.read_parquet(many), rows)  # what any reader makes of it
    assert read_table(many, ["position"])[0]["position"].tolist() == rows["position"].tolist()


def test_the_footer_of_all_parts_has_the_statistics(rows: pd.DataFrame, tmp_path: Path) -> None:
    footer = pq.read_metadata(written(rows, tmp_path / "many", part_rows=300) / "_metadata")
    column = footer.schema.names.index("sequence")
    found = [footer.row_group(n).column(column).statistics for n in range(footer.num_row_groups)]
    assert [(each.min, each.max) for each in found] == [
        (first, first + 4) for first in range(0, len(rows) // CONTEXT, 5)
    ]


def test_a_file_takes_the_place_of_parts_and_they_of_it(rows: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    for part_rows in (300, 10**9, 300, 600):
        written(rows, path, part_rows=part_rows)
        assert path.is_dir() == (part_rows < 10**9)
        assert len(read_ledger(path, ["position"])[0]) == len(rows)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ledger.parquet"]


def test_a_missing_part_is_named(rows: pd.DataFrame, tmp_path: Path) -> None:
    path = written(rows, tmp_path / "ledger.parquet", part_rows=300)
    (path / "part-00002.parquet").unlink()
    for read in (read_ledger, lambda p: [*LedgerStream(p).stretches(["position"])]):
        with pytest.raises(ArtifactError, match=r"lacks its part part-00002\.parquet"):
            read(path)
    (path / "_metadata").unlink()
    with pytest.raises(ArtifactError, match="dvc repro"):
        read_facts(path)


@pytest.mark.parametrize("stretch", [1, 30, 96, 10_000])
def test_stretches_are_whole_sequences_in_order(
    rows: pd.DataFrame, tmp_path: Path, stretch: int
) -> None:
    ledger = LedgerStream(written(rows, tmp_path / "many", part_rows=300, group=84), rows=stretch)
    found = [*ledger.stretches(["sequence", "nll_sae", "position"])]
    assert all(len(part) % CONTEXT == 0 and len(part) <= max(stretch, CONTEXT) for part in found)
    whole = pd.concat(found, ignore_index=True)
    pd.testing.assert_frame_equal(whole, rows[["sequence", "nll_sae", "position"]])
    first = pd.concat(ledger.up_to(17).stretches(["position"]))
    assert len(first) == 18 * CONTEXT


def test_further_columns_are_read_beside(rows: pd.DataFrame, tmp_path: Path) -> None:
    keys = ["document", "sequence", "position", "token_id"]
    base = written(rows.drop(columns=["deepest_rank"]), tmp_path / "base", part_rows=300)
    more = written(rows[[*keys, "deepest_rank", "nll_topk_4"]], tmp_path / "more", group=36)
    ledger = LedgerStream(base, more, rows=48)
    assert set(ledger.columns) == set(rows.columns)
    for columns in (["deepest_rank"], ["deepest_rank", "position", "nll_topk_4"]):
        frame = pd.concat(ledger.stretches(columns), ignore_index=True)
        pd.testing.assert_frame_equal(frame, rows[columns])
    other = rows.assign(token_id=rows["token_id"] + 1)
    wrong = written(other[[*keys, "deepest_rank"]], tmp_path / "wrong")
    with pytest.raises(ArtifactError, match="not of the same rows"):
        next(LedgerStream(base, wrong).stretches(["deepest_rank"]))
    with pytest.raises(ArtifactError, match="no column nll_topk_9"):
        next(ledger.stretches(["nll_topk_9"]))


def streams(rows: pd.DataFrame, folder: Path) -> Iterator[LedgerStream]:
    """The same rows, cut in two ways."""
    for stretch in (60, 504):
        path = written(rows, folder / f"{stretch}.parquet", part_rows=400)
        yield LedgerStream(path, rows=stretch)


def test_every_bound_is_the_same_from_a_stream(rows: pd.DataFrame, tmp_path: Path) -> None:
    spec = replace(CASES["tight"], n_tokens=(600, 1200))
    expected = assemble_all(rows, FACTS, spec, max_rank=deepest_ranks(rows, "no_bos"))
    assert len(expected.bounds) > 20
    for ledger in streams(rows, tmp_path):
        ranks = deepest_ranks(ledger, "no_bos")
        assert np.array_equal(ranks, deepest_ranks(rows, "no_bos"))
        assert assemble_all(ledger, FACTS, spec, max_rank=ranks) == expected


def test_every_further_number_of_the_sample_is_the_same(rows: pd.DataFrame, tmp_path: Path) -> None:
    splices = facts_of(rows).proxies
    cut = rows.copy()  # an ablation is run on the first sequences alone
    cut.loc[cut["sequence"] >= 50, "nll_topk_4"] = np.float32("nan")
    table = proxies_of_ledger(cut, splices, 0.5, VOCAB_SIZE)
    for ledger in streams(cut, tmp_path):
        pd.testing.assert_frame_equal(
            proxies_of_ledger(ledger, splices, 0.5, VOCAB_SIZE), table, check_exact=True
        )
        assert k_and_loss(ledger, None, seed=3) == k_and_loss(cut, None, seed=3)
        pd.testing.assert_frame_equal(
            ledger_summary(ledger).set_index("column"), ledger_summary(cut).set_index("column")
        )
        for n_sequences in (None, 31):
            assert unigram_baseline(ledger, VOCAB_SIZE, 0.5, n_sequences) == unigram_baseline(
                cut, VOCAB_SIZE, 0.5, n_sequences
            )


def test_documents_are_predicted_alike_however_many_at_once(
    rows: pd.DataFrame, tmp_path: Path
) -> None:
    ledger = next(streams(rows, tmp_path))
    whole = unigram_baseline(rows, VOCAB_SIZE, 0.5)
    for at_once in (1, 100, 700):
        assert unigram_baseline(ledger, VOCAB_SIZE, 0.5, at_once=at_once) == pytest.approx(
            whole, rel=1e-13
        )


def test_beyond_the_exact_rows_sums_stand_for_tokens(
    rows: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(CASES["tight"], n_tokens=(600, 1200), pool_sizes=())
    expected = assemble_all(rows, FACTS, spec).bounds
    monkeypatch.setattr(aggregate, "EXACT_ROWS", 100)
    ledger = next(streams(rows, tmp_path))
    table = sequence_losses(ledger, ("model", "sae"), 0.5, VOCAB_SIZE, keep_tokens=("model", "sae"))
    assert not table.token_losses and set(table.token_gaps) == {"sae"}
    found = assemble_all(ledger, FACTS, spec)
    assert not found.left_out and len(found.bounds) == len(expected)
    for one, other in zip(found.bounds, expected, strict=True):
        assert one.family == other.family
        assert one.total == pytest.approx(other.total, rel=1e-12)


def test_k_and_loss_reads_whole_documents_where_there_are_too_many(tmp_path: Path) -> None:
    rows = make_ledger(n_documents=30)
    found = k_and_loss(next(streams(rows, tmp_path)), None, seed=0, most=10 * 2 * CONTEXT + 5)
    assert found.n_documents == 10
    assert found == k_and_loss(rows[rows["document"] < 10], None, seed=0)


FLOATS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1)


@given(FLOATS, st.lists(st.floats(0.001, 1.0), min_size=1, max_size=4), st.integers(1, 7))
def test_quantiles_by_counting_are_exact(
    values: list[float], shares: list[float], stretch: int
) -> None:
    array = np.array(values, dtype=np.float32)

    def stretches() -> Iterator[np.ndarray]:
        return (array[first : first + stretch] for first in range(0, len(array), stretch))

    expected = np.quantile(array.astype(np.float64), shares, method="inverted_cdf")
    assert Quantiles(stretches).at(shares) == expected.tolist()


def test_a_running_mean_is_that_of_all_values_up_to_its_limit() -> None:
    values = np.random.default_rng(0).normal(10, 3, 5000).astype(np.float32)
    for limit, exact in ((5000, True), (4999, False)):
        mean = RunningMean(limit=limit)
        for part in np.array_split(values, 7):
            mean.add(part)
        assert (mean.mean() == float(values.mean())) == exact
        assert mean.mean() == pytest.approx(values.mean(dtype=np.float64), rel=1e-6)
    assert np.isnan(RunningMean().mean())


def test_counts_grow_with_the_largest_value() -> None:
    counts = Counts()
    for part in ([3, 3, 0], [], [9], [1]):
        counts.add(np.array(part, dtype=np.int64))
    assert counts.counts.tolist() == [1, 1, 0, 2, 0, 0, 0, 0, 0, 1] and len(counts) == 5


def test_the_whole_study_is_the_same_from_streams(tmp_path: Path) -> None:
    frames = {
        "english": make_ledger(60, 2, CONTEXT),
        "near": make_ledger(60, 2, CONTEXT, shift=5, seed=4),
        "random": make_ledger(30, 1, CONTEXT, shift=25, seed=2),
    }
    names = {name: [str(n) for n in range(60)] for name in frames}
    roles = {"english": "id", "near": "near", "random": "far"}
    spec = UncertaintySpec(n_resamples=40, n_refits=2, n_splits=4, window=4, roc_points=20)
    tables = {
        name: LedgerStream(written(rows, tmp_path / name, part_rows=600, group=180), rows=396)
        for name, rows in frames.items()
    }
    found, expected = (
        run_study(given, roles, spec, 0, vocab_size=VOCAB_SIZE, document_names=names)
        for given in (tables, frames)
    )
    for name in TABLES:
        pd.testing.assert_frame_equal(
            getattr(found, name), getattr(expected, name), check_exact=True
        )
    assert (found.guardrail, found.verdict) == (expected.guardrail, expected.verdict)
    pd.testing.assert_frame_equal(radii_table(tables), radii_table(frames), check_exact=True)


def test_beyond_the_exact_rows_tokens_of_the_first_documents_are_ranked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (study, every_score):
        monkeypatch.setattr(module, "EXACT_ROWS", 300)
    frames = {
        "english": make_ledger(60, 2, CONTEXT),
        "random": make_ledger(30, 1, CONTEXT, shift=25, seed=2),
    }
    tables = {
        name: LedgerStream(written(rows, tmp_path / name, group=180), rows=396)
        for name, rows in frames.items()
    }
    spec = UncertaintySpec(n_resamples=40, n_refits=2, n_splits=4, window=4)
    roles = {"english": "id", "random": "far"}
    k_alone = tuple(score for score in all_scores() if score.name == "n_active")
    found = run_study(tables, roles, spec, 0, vocab_size=VOCAB_SIZE, scores=k_alone)
    of_k = found.uncertainty.query("score == 'n_active'").set_index("level")
    # 300 rows are 13 documents of the 30 that are evaluated on, and 27 of the shift.
    assert (of_k.loc["token", ["n_id", "n_ood"]] == [13 * 22, 27 * 11]).all()
    assert (of_k.loc["sequence_mean", ["n_id", "n_ood"]] == [60, 30]).all()
    assert (
        sum("tokens are ranked only in its first documents" in n for n in found.verdict.warnings)
        == 2
    )
    assert found.sparsity.query("positions == 'all'")["n_tokens"].tolist() == [1440, 360]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.lists(st.floats(0, 1), min_size=1))
def test_linear_quantiles_of_counts_are_numpys(values: list[int], shares: list[float]) -> None:
    counts = Counts()
    for value in values:
        counts.add(np.array([value]))
    assert counts.linear_quantiles(shares) == np.quantile(values, shares).tolist()
    assert (counts.mean(), counts.std()) == (np.mean(values), np.std(values))
    beyond = Counts(limit=0)
    beyond.merge(counts)
    assert beyond.std() == pytest.approx(np.std(values), abs=1e-12)
    edges = np.arange(0, 48, 7)
    assert counts.in_bins(edges).tolist() == np.histogram(values, bins=edges)[0].tolist()


def test_counts_of_many_documents_are_sparse_and_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    value, document = rng.normal(0, 1, 500), rng.integers(0, 50, 500)
    given_items = value, document, value + 0.3, document, 50
    draws = np.hstack([metrics.draw_multiplicities(50, 70, rng) for _ in range(2)])
    dense = metrics.resampled_separation(metrics.rank(*given_items), draws)
    monkeypatch.setattr(metrics, "MOST_DENSE", 10)
    ranking = metrics.rank(*given_items)
    assert not isinstance(ranking.id_count, np.ndarray)
    sparse = metrics.resampled_separation(ranking, draws)
    for name in ("auroc", "aupr", "fpr_at_95_tpr"):
        assert np.array_equal(getattr(sparse, name), getattr(dense, name))
