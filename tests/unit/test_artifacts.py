"""Shards: whole or not there, resumed, byte-identical, and damage is named."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from semdim.artifacts.hashing import settings_digest
from semdim.artifacts.shards import Artifact, ShardWriter
from semdim.errors import ArtifactError


def tensors(index: int) -> dict[str, torch.Tensor]:
    return {"x": torch.arange(6.0).view(2, 3) + index, "y": torch.tensor([index])}


def writer(folder: Path, key: str = "k") -> ShardWriter:
    return ShardWriter(folder / "final", work=folder / "partial", key=key, n_shards=3)


def write_all(folder: Path, order: tuple[int, ...] = (0, 1, 2)) -> dict[str, bytes]:
    shards = writer(folder)
    for index in order:
        shards.write(index, tensors(index))
    shards.publish({"what": "test"})
    return {path.name: path.read_bytes() for path in sorted((folder / "final").iterdir())}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_all(tmp_path)
    artifact = Artifact.open(tmp_path / "final")
    assert artifact.facts == {"what": "test"}
    for index, shard in enumerate(artifact):
        assert torch.equal(shard["x"], tensors(index)["x"])
    assert not (tmp_path / "partial" / "k").exists()


def test_a_killed_stage_resumes_and_ends_byte_identical(tmp_path: Path) -> None:
    whole = write_all(tmp_path / "whole")
    killed = writer(tmp_path / "killed")
    killed.write(1, tensors(1))
    resumed = writer(tmp_path / "killed")
    assert resumed.missing == [0, 2]
    for index in resumed.missing:
        resumed.write(index, tensors(index))
    resumed.publish({"what": "test"})
    final = tmp_path / "killed" / "final"
    assert {path.name: path.read_bytes() for path in sorted(final.iterdir())} == whole


def test_a_damaged_shard_is_named_and_computed_again(tmp_path: Path) -> None:
    first = writer(tmp_path)
    first.write(0, tensors(0))
    first.write(1, tensors(1))
    shard = tmp_path / "partial" / "k" / "shard-00001.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1] + b"\xff")
    again = writer(tmp_path)
    assert again.missing == [1, 2]
    assert again.damaged == ["shard-00001.safetensors"]


def test_another_key_shares_nothing(tmp_path: Path) -> None:
    writer(tmp_path, "a").write(0, tensors(0))
    assert writer(tmp_path, "b").missing == [0, 1, 2]


def test_publishing_too_early_is_refused(tmp_path: Path) -> None:
    shards = writer(tmp_path)
    shards.write(0, tensors(0))
    with pytest.raises(ArtifactError, match=r"shards \[1, 2\] of 3"):
        shards.publish({})
    assert not (tmp_path / "final").exists()


def test_a_damaged_artifact_is_never_read(tmp_path: Path) -> None:
    write_all(tmp_path)
    shard = tmp_path / "final" / "shard-00002.safetensors"
    shard.write_bytes(shard.read_bytes() + b"\0")
    with pytest.raises(ArtifactError, match=r"shard-00002\.safetensors is damaged"):
        list(Artifact.open(tmp_path / "final"))
    shard.unlink()
    with pytest.raises(ArtifactError, match="missing"):
        Artifact.open(tmp_path / "final").read(2)


def test_no_artifact_and_another_schema_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="dvc repro"):
        Artifact.open(tmp_path / "nothing")
    write_all(tmp_path)
    manifest = tmp_path / "final" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"schema_version": 99}))
    with pytest.raises(ArtifactError, match="schema version 99"):
        Artifact.open(tmp_path / "final")


def test_the_manifest_says_what_is_there(tmp_path: Path) -> None:
    write_all(tmp_path)
    manifest = json.loads((tmp_path / "final" / "manifest.json").read_text())
    for record in manifest["shards"]:
        loaded = load_file(tmp_path / "final" / record["file"])
        assert {name: list(t.shape) for name, t in loaded.items()} == {
            name: about["shape"] for name, about in record["tensors"].items()
        }


def test_digests_depend_on_content_alone() -> None:
    assert settings_digest({"a": 1, "b": 2}) == settings_digest({"b": 2, "a": 1})
    assert settings_digest({"a": 1}) != settings_digest({"a": 2})
