"""metrics.json and params.yaml: what a run is compared by."""

from pathlib import Path

import pytest
import yaml
from results_factory import PROBES, write_probe

from semdim.errors import ArtifactError
from semdim.results.write_metrics import params_text, run_metrics
from stages.check_params import composed


def test_metrics_are_few_and_taken_from_the_tables(tmp_path: Path) -> None:
    folder = write_probe(tmp_path / "synthetic-a", **PROBES["synthetic-a"])
    metrics = run_metrics(folder)
    assert metrics["as_published_from_n"] == 15_187.25 and metrics["holdout"] is None
    assert metrics["gap"] == pytest.approx(0.21)
    assert list(metrics["k"]) == ["english", "python", "replaced", "random"]
    assert metrics["k"]["random"] == pytest.approx(85, abs=1)
    assert list(metrics["auroc"]) == ["python", "replaced", "random"]
    (folder / "uncertainty.csv").unlink()
    with pytest.raises(ArtifactError, match=r"lacks uncertainty\.csv.*dvc repro"):
        run_metrics(folder)


def test_recorded_settings_are_those_of_one_probe_and_change_a_result() -> None:
    params = yaml.safe_load(composed(["experiment=two_models"]))
    own = yaml.safe_load(params_text(params, "gemma-3-270m_layer9"))
    assert list(own["models"]) == ["gemma-3-270m"] and "model" not in own["grid"]
    assert list(own["probes"]) == ["gemma-3-270m_layer9"] and "probe" not in own["grid"]
    assert own["bound"] == params["bound"] and own["corpora"] == params["corpora"]
    engine = {"compute_dtype": "float32", "backend": "transformers"}
    assert "tracking" not in own and own["engine"] == engine
    assert params["grid"]["model"] == ["smollm2-135m", "gemma-3-270m"]  # untouched
