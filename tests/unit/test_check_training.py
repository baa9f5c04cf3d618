"""What a training run depends on besides its settings and its code: the content of its sources."""

from pathlib import Path

import pytest
import yaml

from semdim.training.params import TrainingSettings, compose_training, read_training_settings
from stages import check_training
from stages.check_training import inputs_of
from stages.support.dependencies import ROOT, in_step


@pytest.fixture
def settings(tmp_path: Path) -> TrainingSettings:
    for name in ("text", "calibration"):
        (tmp_path / f"{name}.txt").write_text(f"What {name} says.\n" * 40)
    text = compose_training(
        ROOT / "conf",
        [
            "training/run=tiny", "text.kind=files", f"text.path={tmp_path}/text.txt",
            "~text.text_column", "+calibration.kind=files",
            f"+calibration.path={tmp_path}/calibration.txt", "+calibration.n_tokens=100",
        ],
    )  # fmt: skip
    return read_training_settings(yaml.safe_load(text))


@pytest.mark.parametrize("name", ["text", "calibration"])
def test_an_edited_text_is_another_input(
    settings: TrainingSettings, tmp_path: Path, name: str
) -> None:
    before = inputs_of(settings)
    assert before == inputs_of(settings)
    (tmp_path / f"{name}.txt").write_text(f"What {name} said.\n" * 40)
    after = inputs_of(settings)
    assert {key for key in after if after[key] != before[key]} == {name}
    assert before[name]["settings"] == after[name]["settings"]


def test_every_source_is_told(settings: TrainingSettings) -> None:
    found = inputs_of(settings)
    assert set(found) == {"model", "text", "calibration", "certificate.english"}
    assert found["model"]["settings"]["architecture"] == "llama"
    assert found["certificate.english"]["found"]  # the version of the package that brings it


def test_settings_without_a_text_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "training").mkdir()
    (tmp_path / "training/params.yaml").write_text(compose_training(ROOT / "conf", []))
    with pytest.raises(SystemExit, match=r"error: text\.path is not set"):
        check_training.main()
    assert not (tmp_path / "outputs").exists()


def test_training_depends_on_the_sources_and_on_its_code() -> None:
    text = (ROOT / "training/dvc.yaml").read_text(encoding="utf-8")
    assert in_step(text) == text
    stages = yaml.safe_load(text)["stages"]
    (written,) = stages["check_training"]["outs"]
    assert stages["check_training"]["always_changed"] and set(written) <= set(
        stages["train_sae"]["deps"]
    )
