"""The committed ranking: its claims follow from its documents, and it is whole."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from semdim.certificate.intervals import two_sided
from semdim.rank.order import as_matrix, closure, holm, off_diagonal, rank_intervals
from semdim.rank.pairwise import documents_needed, pairwise_tests
from semdim.rank.table import RankTable
from semdim.rank.write import read_documents, read_ranking

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "leaderboard"


@pytest.fixture(scope="module")
def ranking() -> RankTable:
    return read_ranking(FOLDER)


@pytest.fixture(scope="module")
def capped(ranking: RankTable) -> np.ndarray:
    """[documents, autoencoders], in the order of the ranking."""
    documents = read_documents(FOLDER)
    columns = [documents[entry.name] for entry in ranking.entries]
    return np.minimum(np.array(columns).T, ranking.settings.cap)


def test_every_trained_one_is_ranked_and_none_was_skipped(ranking: RankTable) -> None:
    with (ROOT / "docs" / "training" / "smollm2-135m_leaderboard.csv").open() as stream:
        trained = {row["name"] for row in csv.DictReader(stream)}
    assert {entry.name for entry in ranking.entries} == trained | {"smollm2-135m_layer15"}
    assert not ranking.skipped


def test_claims_follow_from_the_documents(ranking: RankTable, capped: np.ndarray) -> None:
    spec, n_saes = ranking.settings, len(ranking.entries)
    assert len(capped) == ranking.n_documents
    assert [entry.capped for entry in ranking.entries] == pytest.approx(capped.mean(axis=0))
    assert (np.diff(capped.mean(axis=0)) >= 0).all()
    tests = pairwise_tests(capped, spec.cap, spec.share("order"))
    claims = closure(as_matrix(holm(off_diagonal(tests.p), spec.share("order")), n_saes))
    assert (claims == ranking.better).all()
    found = [(entry.rank_first, entry.rank_last) for entry in ranking.entries]
    assert found == [tuple(row) for row in rank_intervals(claims).tolist()]


def test_numbers_of_pairs_follow_from_the_documents(ranking: RankTable, capped: np.ndarray) -> None:
    spec, n_saes = ranking.settings, len(ranking.entries)
    place = {entry.name: index for index, entry in enumerate(ranking.entries)}
    share = spec.share("differences") / len(ranking.pairs)
    for pair in ranking.pairs[::7]:
        d = capped[:, place[pair.worse]] - capped[:, place[pair.better]]
        assert (pair.lower, pair.upper) == pytest.approx(two_sided(d, -spec.cap, spec.cap, share))
        n_hypotheses = n_saes * (n_saes - 1)
        needed = documents_needed(d[None], spec.cap, n_hypotheses, spec.share("order"))[0]
        assert pair.documents_needed == pytest.approx(needed)


def test_tables_are_those_of_the_json_file(ranking: RankTable) -> None:
    with (FOLDER / "rank.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["faithfulness"]) for row in rows] == [e.faithfulness for e in ranking.entries]
    with (FOLDER / "pairs.csv").open() as stream:
        assert [row["worse"] for row in csv.DictReader(stream)] == [p.worse for p in ranking.pairs]


def test_it_names_no_place_of_a_machine() -> None:
    content = json.loads((FOLDER / "rank.json").read_text())
    assert "/" not in content["subject"]["corpus"] and "/tmp" not in json.dumps(content)
