"""Reading results: where files may lie, what is refused, what may be missing."""

import pytest
from results_factory import PROBES, write_probe, write_results

from semdim.errors import ArtifactError
from semdim.results.read import read_probe, read_results


@pytest.mark.parametrize("parent", ["probes", "models", "."])
def test_probes_are_found_with_and_without_a_folder_of_their_own(tmp_path, parent):
    write_results(tmp_path / "results" / parent)
    from_above = read_results(tmp_path / "results")
    from_inside = read_results(tmp_path / "results" / parent)
    assert [probe.name for probe in from_above] == ["synthetic-a", "synthetic-b"]
    assert [probe.name for probe in from_inside] == ["synthetic-a", "synthetic-b"]


def test_the_folder_of_probes_comes_before_that_of_an_earlier_version(tmp_path):
    write_results(tmp_path / "models", ("synthetic-a",))
    write_results(tmp_path / "probes", ("synthetic-b",))
    assert [probe.name for probe in read_results(tmp_path)] == ["synthetic-b"]


def test_the_tables_folder_is_no_probe(tmp_path):
    write_results(tmp_path, ("synthetic-a",))
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "bounds.csv").write_text("x\n1\n")
    assert [model.name for model in read_results(tmp_path)] == ["synthetic-a"]


def test_no_results_is_one_sentence(tmp_path):
    with pytest.raises(ArtifactError, match="make repro"):
        read_results(tmp_path)
    with pytest.raises(ArtifactError, match="holds no probe results"):
        read_results(tmp_path / "nowhere")


def test_the_folder_above_the_results_is_told_where_they_are(tmp_path):
    write_results(tmp_path / "results" / "probes")
    (tmp_path / "models" / "sae").mkdir(parents=True)  # of a pipeline, which holds no results
    with pytest.raises(ArtifactError, match=r"holds no probe results, but .*results does"):
        read_results(tmp_path)


def test_damaged_files_are_refused_by_name(tmp_path):
    folder = write_probe(tmp_path / "m", **PROBES["synthetic-a"])
    (folder / "setup.json").write_text("{not json")
    with pytest.raises(ArtifactError, match=r"setup\.json cannot be read as a JSON object"):
        read_probe(folder)
    (folder / "setup.json").write_text("[1]")
    with pytest.raises(ArtifactError, match="JSON object"):
        read_probe(folder)
    (folder / "setup.json").unlink()
    (folder / "sparsity.csv").write_text("corpus,mean\nenglish,3\n")
    with pytest.raises(ArtifactError, match=r"sparsity\.csv lacks .*positions"):
        read_probe(folder)


def test_an_absent_table_is_empty_with_its_columns(tmp_path):
    folder = write_probe(tmp_path / "m", **PROBES["synthetic-a"])
    (folder / "uncertainty.csv").unlink()
    table = read_probe(folder).table("uncertainty")
    assert table.empty and {"score", "auroc", "uses_labels"} <= set(table.columns)


def test_flags_and_empty_text_are_read_as_such(tmp_path):
    model = read_probe(write_probe(tmp_path / "m", **PROBES["synthetic-a"]))
    bounds = model.table("bounds")
    assert bounds["is_certificate"].dtype == bool
    assert set(bounds.loc[bounds["family"] == "as_published", "method"]) == {""}
    assert model.corpora[0] == "english" and model.role("random") == "far"
    assert model.baseline == pytest.approx(15.585, abs=1e-3)


def test_the_id_corpus_comes_first_whatever_the_order_of_the_file(tmp_path):
    folder = write_probe(tmp_path / "m", **PROBES["synthetic-a"])
    text = (folder / "setup.json").read_text()
    (folder / "setup.json").write_text(text.replace('"english"', '"zebra"'))
    assert read_probe(folder).corpora[0] == "zebra"


def test_probes_of_an_earlier_run_are_left_out_when_not_named(tmp_path):
    write_results(tmp_path)
    first, second = sorted(PROBES)
    assert [model.name for model in read_results(tmp_path)] == [first, second]
    assert [model.name for model in read_results(tmp_path, [second])] == [second]
    with pytest.raises(ArtifactError, match="gpt9"):
        read_results(tmp_path, [first, "gpt9"])
