"""A ranking as one value: what it holds together, what it refuses, how it is read back."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rank_factory import TYPES, law, measured

from semdim.certificate.intervals import two_sided
from semdim.errors import ArtifactError, ConfigError, DataError
from semdim.rank.measured import Skipped, Subject
from semdim.rank.ranking import rank_table
from semdim.rank.spec import SHARES, RankSpec
from semdim.rank.table import RankTable
from semdim.rank.write import (
    DOCUMENTS,
    FIGURES,
    FILES,
    check_place,
    read_documents,
    read_ranking,
    write_ranking,
)
from semdim.results.redraw import redraw


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    drawn = np.random.default_rng(4).integers(TYPES, size=300)
    found = law(4)[drawn]
    found[0] = 3.0  # a document beyond the cap
    return found[:, ::-1]


@pytest.fixture(scope="module")
def table(values: np.ndarray) -> RankTable:
    subject = Subject(model="tiny", corpus="text", context=16, windows_per_document=1)
    skipped = (Skipped("other", "It has 7 heads."),)
    return rank_table(measured(values), RankSpec(), subject=subject, skipped=skipped)


def test_parts_of_delta_make_it_whole(table: RankTable) -> None:
    assert sum(SHARES.values()) == 1.0
    assert sum(table.budget.values()) == pytest.approx(0.05)


def test_entries_and_pairs_are_of_the_documents(table: RankTable, values: np.ndarray) -> None:
    capped = np.minimum(values, 1.0)
    order = np.argsort(capped.mean(axis=0), kind="stable")
    assert [entry.name for entry in table.entries] == [f"sae_{place}" for place in order]
    assert [entry.rank for entry in table.entries] == [1, 2, 3, 4]
    best, worst = table.entries[0], table.entries[-1]
    assert best.faithfulness == pytest.approx(values[:, order[0]].mean())
    assert best.capped == pytest.approx(capped[:, order[0]].mean())
    assert best.share_capped == pytest.approx(1 / 300)
    assert best.capped_lower < best.capped < best.capped_upper < best.faithfulness_upper
    pair = table.pair(worst.name, best.name)
    d = capped[:, order[-1]] - capped[:, order[0]]
    assert (pair.better, pair.worse) == (best.name, worst.name)
    assert (pair.lower, pair.upper) == pytest.approx(two_sided(d, -1.0, 1.0, 0.25 * 0.05 / 6))
    assert pair.is_certified and pair.is_discovery and pair.share_of_documents > 0.9
    assert len(table.pairs) == 6 and (table.better.sum(axis=1)[0] >= 2)
    assert (best.rank_first, worst.rank_last) == (1, 4)


def test_without_a_cap_nothing_can_be_said_of_so_few(values: np.ndarray) -> None:
    table = rank_table(measured(values), RankSpec(cap=16.0))
    assert not any(pair.is_certified for pair in table.pairs)
    assert all(entry.share_capped == 0 for entry in table.entries)
    assert all(entry.capped == entry.faithfulness for entry in table.entries)
    # At Δ = 15.6 no test can reject before Δ·ln(m/δ)/d documents.
    pair = table.pair("sae_0", "sae_3")
    assert pair.documents_needed is not None
    assert pair.documents_needed > 15.6 * np.log(12 / 0.025) / pair.difference


def test_equal_ones_are_not_told_apart() -> None:
    values = np.repeat(np.random.default_rng(3).random((50, 1)) * 0.5, 2, axis=1)
    table = rank_table(measured(values), RankSpec())
    pair = table.pairs[0]
    assert not pair.is_certified and pair.documents_needed is None
    assert (pair.difference, pair.share_of_documents) == (0.0, 0.5)
    assert [(entry.rank_first, entry.rank_last) for entry in table.entries] == [(1, 2), (1, 2)]
    assert "no difference on this sample" in str(table)


def test_one_alone_is_a_ranking() -> None:
    table = rank_table(measured(law(1)), RankSpec())
    assert len(table.entries) == 1 and not table.pairs and "1 autoencoder " in str(table)


def test_it_says_what_it_found_in_words(table: RankTable) -> None:
    text = str(table)
    assert "4 autoencoders of tiny on 300 documents of text" in text
    assert "skipped other: It has 7 heads." in text and "documents would certify that" in text


def test_it_is_written_and_read_back(table: RankTable, values: np.ndarray, tmp_path: Path) -> None:
    write_ranking(table, measured(values), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)
    assert read_ranking(tmp_path) == table
    documents = read_documents(tmp_path)
    assert all((documents[f"sae_{i}"] == values[:, i]).all() for i in range(4))
    assert all((tmp_path / name).read_bytes()[:4] == b"\x89PNG" for name in FIGURES)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    write_ranking(table, measured(values), tmp_path)
    assert before == {name: (tmp_path / name).read_bytes() for name in FILES}
    (tmp_path / FIGURES[0]).write_text("of before")
    assert {path.name for path in redraw(tmp_path).written} == set(FIGURES)
    assert before == {name: (tmp_path / name).read_bytes() for name in FILES}
    check_place(tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="more than a ranking"):
        check_place(tmp_path)
    content = json.loads((tmp_path / "rank.json").read_text()) | {"schema": "rank/9"}
    with pytest.raises(ArtifactError, match="rank/9"):
        RankTable.from_content(content, "rank.json")
    (tmp_path / DOCUMENTS).write_text("document,sae_0\n1,many\n")
    with pytest.raises(ArtifactError, match="a number for each document"):
        read_documents(tmp_path)
    (tmp_path / DOCUMENTS).unlink()
    with pytest.raises(ArtifactError, match="semdim rank"):
        read_documents(tmp_path)


def test_what_cannot_be_ranked_is_refused(table: RankTable, values: np.ndarray) -> None:
    some = measured(values)
    with pytest.raises(DataError, match="nothing to rank"):
        rank_table([], RankSpec())
    other = replace(some[1], document=tuple(range(1, 301)))
    with pytest.raises(DataError, match="not measured on the same documents"):
        rank_table([some[0], other], RankSpec())
    with pytest.raises(DataError, match="must lie in"):
        rank_table(measured(values, loss_range=2.0), RankSpec())
    with pytest.raises(ConfigError, match="cap"):
        RankSpec(cap=0.0)
    with pytest.raises(ConfigError, match="no 'nobody'"):
        table["nobody"]
    with pytest.raises(ConfigError, match="no pair"):
        table.pair("sae_0", "sae_0")
