"""What stages run on: a unit of work, settings by name, keys of unfinished work, true messages."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from semdim.errors import ConfigError
from semdim.fields import setting
from semdim.paths import Paths
from stages.support import run as run_module
from stages.support.configuration import composed, plain
from stages.support.run import Run, Unit
from stages.support.sources import write_sources

SMOKE = plain(composed(["experiment=smoke"]))


def run(tmp_path: Path, params: dict[str, Any] | None = None, **unit: Any) -> Run:
    return Run(params or SMOKE, Unit(**unit), Paths(tmp_path), "stages.compute_losses")


def test_a_setting_is_read_by_its_name(tmp_path: Path) -> None:
    given = run(tmp_path)
    assert given.setting("bound.failure_prob") == SMOKE["bound"]["failure_prob"]
    assert given.setting("grid") == SMOKE["grid"]
    assert given.setting("bound.k") is None  # null is a value
    for absent in ("nowhere", "bound.nowhere", "seed.deep", "bound.n_tokens.0"):
        with pytest.raises(ConfigError, match=rf"lacks {absent}; write params\.yaml again"):
            given.setting(absent)


@dataclass(frozen=True)
class Some:
    fit_share: float = setting(0.25, above=0, below=1)
    window: int = 8


def test_a_section_is_read_by_its_fields_or_some_of_them(tmp_path: Path) -> None:
    params = {"uncertainty": {"fit_share": 0.5, "window": 16}}
    given = run(tmp_path, params)
    assert given.read("uncertainty", Some) == Some(0.5, 16)
    assert given.read("uncertainty", Some, ("fit_share",)) == Some(0.5, 8)
    with pytest.raises(ConfigError, match="fit_share"):
        run(tmp_path, {"uncertainty": {"fit_share": 7}}).read("uncertainty", Some)
    # A value of another field is not this stage's business.
    wrong = run(tmp_path, {"uncertainty": {"fit_share": 0.5, "window": "x"}})
    assert wrong.read("uncertainty", Some, ("fit_share",)) == Some(0.5, 8)


def test_a_unit_is_completed_from_its_probe(tmp_path: Path) -> None:
    by_probe = run(tmp_path, probe="tiny", corpus="english")
    assert (by_probe.model, by_probe.hook) == ("tiny", "blocks.1.hook_resid_post")
    assert by_probe.results == tmp_path / "results/probes/tiny"
    by_model = run(tmp_path, model="tiny")
    assert by_model.hook == "blocks.1.hook_resid_post"  # that of its first probe
    assert run(tmp_path, model="tiny", hook="elsewhere").hook == "elsewhere"
    assert by_probe.after("corpus") == "first" and by_probe.after("probe") == "first"
    assert run(tmp_path, corpus="random").after("corpus") == "python"


def test_a_unit_that_is_not_in_the_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unit\.probe = 'gpt9' is not in params\.yaml.*tiny"):
        _ = run(tmp_path, probe="gpt9").probe
    with pytest.raises(ConfigError, match=r"unit\.corpus = 'german'.*english, python, random"):
        _ = run(tmp_path, corpus="german").corpus
    with pytest.raises(ConfigError, match=r"unit\.model = 'x'"):
        _ = run(tmp_path, model="x").model
    with pytest.raises(
        ConfigError, match=r"unit\.corpus is not set: choose one of english, python"
    ):
        _ = run(tmp_path).corpus


def test_a_source_has_no_role(tmp_path: Path) -> None:
    assert SMOKE["corpora"]["python"]["role"] == "shifted"
    assert "role" not in run(tmp_path).source("corpora", "python")


def test_a_point_is_the_same_run_with_other_bounds(tmp_path: Path) -> None:
    changed = run(tmp_path, probe="tiny").changed(n_predeclared=3)
    assert changed.setting("bound.n_predeclared") == 3
    assert SMOKE["bound"]["n_predeclared"] is None
    assert changed.setting("bound.failure_prob") == SMOKE["bound"]["failure_prob"]
    changed.record({"total": 1.0})
    assert not list(tmp_path.rglob("*.json"))  # the pipeline's own run leaves no row
    at_point = Run(SMOKE, Unit(probe="tiny"), Paths(tmp_path), "x", point=tmp_path / "7")
    assert at_point.results == tmp_path / "7"
    at_point.record({"total": 1.0})
    row = json.loads((tmp_path / "7/row.json").read_text())
    assert row == {"results": {"probe": "tiny", "total": 1.0}, "config": SMOKE}


def test_unfinished_work_is_found_again_under_what_determines_it_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text("{}")
    digests = {"stages.compute_losses": "a"}
    monkeypatch.setattr(run_module, "code_digest", lambda module, kinds: digests[module])

    def key(final: str = "final", params: object = (1,)) -> str:
        given = run(tmp_path)
        writer = given.writer(tmp_path / final, inputs=[manifest], params=params, n_shards=2)
        return writer.key

    first = key()
    assert key() == first
    changed = {key("other"), key(params=(2,))}
    manifest.write_text('{"facts": 1}')
    changed.add(key())
    manifest.write_text("{}")
    digests["stages.compute_losses"] = "b"
    changed.add(key())
    assert len({first, *changed}) == 5
    assert capsys.readouterr().out == ""
    writer = run(tmp_path).writer(tmp_path / "f", inputs=[manifest], params=(), n_shards=2)
    writer.write(0, {"x": torch.zeros(1)})
    run(tmp_path).writer(tmp_path / "f", inputs=[manifest], params=(), n_shards=2)
    assert "resuming: 1 of 2 shards exist" in capsys.readouterr().out
    next(tmp_path.rglob("shard-00000.safetensors")).write_bytes(b"half")
    run(tmp_path).writer(tmp_path / "f", inputs=[manifest], params=(), n_shards=2)
    assert "shard-00000.safetensors from an earlier run is damaged" in capsys.readouterr().out


def sources(folder: Path, params: dict[str, Any]) -> dict[str, bytes]:
    paths = Paths(folder)
    write_sources(params, paths)
    return {
        path.relative_to(paths.inputs).as_posix(): path.read_bytes()
        for path in sorted(paths.inputs.rglob("*.json"))
    }


def test_every_source_has_a_record_and_others_are_removed(tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "text/a.txt").write_text("once upon a time " * 4)
    mine = {"kind": "files", "role": "id", "n_tokens": 10, "path": str(tmp_path / "text")}
    some = {**SMOKE, "corpora": {"mine": mine, "random": SMOKE["corpora"]["random"]}}
    before = sources(tmp_path, some)
    assert list(before) == [
        "corpora/mine.json", "corpora/random.json", "engine.json", "models/tiny.json",
        "plugins.json", "probes/tiny.json",
    ]  # fmt: skip
    # A role is no part of a text.
    assert (
        sources(tmp_path, {**some, "corpora": {**some["corpora"], "mine": mine | {"role": "far"}}})
        == before
    )
    (tmp_path / "text/a.txt").write_text("once upon another time " * 4)
    after = sources(tmp_path, some)
    assert [name for name in after if after[name] != before[name]] == ["corpora/mine.json"]
    (tmp_path / "text/b.txt").write_text("the end")
    assert sources(tmp_path, some)["corpora/mine.json"] != after["corpora/mine.json"]
    fewer = sources(tmp_path, {**some, "corpora": {"random": some["corpora"]["random"]}})
    assert "corpora/mine.json" not in fewer


def test_a_source_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    gone = {"kind": "folder", "path": str(tmp_path / "gone")}
    probes = {"tiny": {**SMOKE["probes"]["tiny"], "sae": gone}}
    with pytest.raises(ConfigError, match=r"There is no SAE in .*gone: cfg\.json is missing"):
        write_sources({**SMOKE, "probes": probes}, Paths(tmp_path))
    with pytest.raises(ConfigError, match="there is no folder"):
        write_sources({**SMOKE, "models": {"tiny": gone}}, Paths(tmp_path))
