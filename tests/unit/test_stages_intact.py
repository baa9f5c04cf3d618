"""What a stage reads is what another stage wrote, or what DVC has put there."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import yaml

from semdim.artifacts import chain
from semdim.errors import ArtifactError
from stages import ROOT
from stages.support import intact
from stages.support.configuration import composed
from stages.support.declared import of_unit, pipeline

EXPORT = "outputs/models/tiny/export"
LEDGER = "outputs/probes/tiny/ledger/english.parquet"
LOSSES = "outputs/models/tiny/losses/english"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Outputs of three stages, as they wrote them, and noted."""
    for name, content in {
        f"{EXPORT}/facts.json": "{}",
        f"{EXPORT}/model.safetensors": "weights",
        f"{LOSSES}/manifest.json": "{}",
        f"{LOSSES}/shard-00000.safetensors": "losses",
        LEDGER: "rows",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    intact.note((EXPORT, LEDGER, LOSSES), tmp_path)
    return tmp_path


def lock(root: Path, *outs: tuple[str, str], folded: bool = False) -> None:
    """A dvc.lock, as DVC writes it; long paths stand in a line of their own."""
    between = "\n        " if folded else ""
    entries = [
        f"    - path: {between}{out}\n      hash: md5\n      md5: {md5}" for out, md5 in outs
    ]
    (root / "dvc.lock").write_text("\n".join(["    outs:", *entries, ""]))


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def test_what_was_noted_is_accepted_and_hashed_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intact.check((EXPORT, LEDGER, LOSSES), root)
    monkeypatch.setattr(hashlib, "file_digest", None)  # whoever hashes a file again fails
    intact.check((EXPORT, f"{EXPORT}/facts.json", LEDGER), root)


@pytest.mark.parametrize("dep", [EXPORT, f"{EXPORT}/facts.json"])
def test_damage_is_named_and_seen_by_dvc(root: Path, dep: str) -> None:
    path = root / EXPORT / "facts.json"
    path.write_text("[]")
    os.utime(path, ns=(0, 0))
    with pytest.raises(ArtifactError, match=r"export/facts\.json differs from what .*`dvc repro`"):
        intact.check((LEDGER, dep), root)
    assert path.stat().st_mtime_ns > 0
    intact.check((LEDGER, f"{EXPORT}/model.safetensors"), root)  # the rest is as it was


def test_a_file_that_is_gone_from_a_folder_is_named(root: Path) -> None:
    (root / EXPORT / "model.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"model\.safetensors is missing"):
        intact.check((EXPORT,), root)


def test_the_checksums_of_shards_are_left_to_their_manifest(root: Path) -> None:
    (root / LOSSES / "shard-00000.safetensors").write_text("l0sses")
    intact.check((LOSSES,), root)
    (root / LOSSES / "manifest.json").write_text("[]")
    with pytest.raises(ArtifactError, match=r"manifest\.json differs"):
        intact.check((LOSSES,), root)


@pytest.mark.parametrize("folded", [False, True])
def test_what_dvc_has_put_there_is_accepted(root: Path, folded: bool) -> None:
    """Another version, checked out in the place of the one that was noted."""
    (root / LEDGER).write_text("other rows")
    (root / EXPORT / "facts.json").write_text('{"name": "other"}')
    listed = [
        {"md5": md5('{"name": "other"}'), "relpath": "facts.json"},
        {"md5": md5("weights"), "relpath": "model.safetensors"},
    ]
    outs = [(LEDGER, md5("rows of the lock")), (LEDGER, md5("other rows"))]
    outs += [(EXPORT, md5(json.dumps(listed)) + ".dir")]
    lock(root, *outs, folded=folded)
    intact.check((EXPORT, f"{EXPORT}/facts.json", LEDGER), root)
    (root / LEDGER).write_text("other r0ws")
    with pytest.raises(ArtifactError, match=r"english\.parquet differs"):
        intact.check((LEDGER,), root)


def test_without_a_note_dvc_decides_and_without_either_all_is_accepted(root: Path) -> None:
    for note in (root / intact.NOTES).rglob("*.json"):
        note.unlink()
    (root / LEDGER).write_text("rows of an older semdim")
    intact.check((EXPORT, LEDGER), root)
    lock(root, (LEDGER, md5("rows")), (EXPORT, f"{md5('[]')}.dir"))
    for dep in (LEDGER, EXPORT):
        with pytest.raises(ArtifactError, match=f"^{dep} differs"):
            intact.check((dep,), root)


def test_the_tables_of_a_chain_are_inputs_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, link = root / "outputs/gathered/first.json", "outputs/gathered/english.json"
    chain.start(first)
    monkeypatch.chdir(root)
    chain.extend(first, root / link, "english", [Path(LEDGER)])
    assert list(intact.inputs((link,), root)) == [root / link, root / LEDGER]
    (root / LEDGER).write_text("r0ws")
    with pytest.raises(ArtifactError, match=r"english\.parquet differs"):
        intact.check((link,), root)


def test_a_unit_is_found_by_what_is_set_of_it() -> None:
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    params = yaml.safe_load(composed(["experiment=smoke"]))
    for declared in pipeline(text, params):
        assert of_unit(text, params, declared.module, declared.unit) == declared
    found = of_unit(text, params, "stages.cache_activations", {"model": "tiny", "corpus": "python"})
    assert found is not None and found.unit["corpus"] == "python" and "hook" in found.unit
    assert of_unit(text, params, "stages.tokenize", {"model": "tiny", "corpus": "none"}) is None
