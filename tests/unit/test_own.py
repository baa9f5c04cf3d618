"""`semdim run`: one's own pieces become settings that can be composed, at sizes the text allows."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from semdim.certificate.named import model_named, sae_named
from semdim.commands.app import app
from semdim.errors import ConfigError
from semdim.own import (
    Pieces,
    conf_files,
    hook_of,
    ladder,
    texts_named,
    write_conf,
)
from semdim.own_text import OwnText, kind_of, own_text, round_down
from semdim.saes.spec import SAESource
from semdim.scaffold import write_pipeline
from semdim.settings import read_settings
from stages.support.configuration import composed, plain

HOOK = "blocks.1.hook_resid_post"


def sae_at(folder: Path, **metadata: Any) -> Path:
    folder.mkdir(parents=True)
    config = {"d_in": 24, "d_sae": 96, "metadata": {"hook_name": HOOK, **metadata}}
    (folder / "cfg.json").write_text(json.dumps(config))
    (folder / "sae_weights.safetensors").write_bytes(b"")
    return folder


def texts_at(folder: Path, n: int, words: int = 400) -> Path:
    folder.mkdir(parents=True)
    for i in range(n):
        (folder / f"{i}.txt").write_text(f"document {i} " + "one word more " * words)
    return folder


def model_at(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    facts = {"model_type": "gpt2", "n_embd": 24, "n_layer": 3, "n_positions": 64}
    (folder / "config.json").write_text(json.dumps(facts))
    return folder


def pieces(tmp_path: Path, **changes: Any) -> Pieces:
    model_at(tmp_path / "m")
    facts: dict[str, Any] = {
        "model": model_named(str(tmp_path / "m")),
        "sae": SAESource(kind="folder", path=str(tmp_path / "s")),
        "hook": HOOK,
        "dict_size": 96,
        "texts": (
            OwnText("text", "id", "files", "/data/text", 30_000),
            OwnText("program", "shifted", "jsonl", "/data/code.jsonl", 4_000),
        ),
        "context": 64,
        "sequences": 3,
    }
    return Pieces(**(facts | changes))


def test_the_settings_can_be_composed_and_are_what_was_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_pipeline(folder)
    write_conf(folder, pieces(tmp_path))
    values = plain(composed(conf=folder / "conf"))
    settings = read_settings(values)
    assert list(settings.models) == list(settings.probes) == ["own"]
    assert values["probes"]["own"]["hook"] == HOOK
    assert list(values["corpora"]) == ["text", "program", "random"]
    assert values["grid"]["sample"] == "text" and values["tokens"]["context"] == 64
    assert values["corpora"]["program"]["n_tokens"] == 4_000
    assert values["bound"]["n_tokens"] == [1000, 2000, 5000, 10000, 30000]
    assert values["bound"]["topk_grid"] == [16, 32, 64]  # no more atoms than the SAE has
    assert values["grid"]["sweep"] == ["topk_16", "topk_32", "topk_64"]
    assert values["rounding"]["n_tokens"] == 2048


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_pipeline(folder)
    first = {path: path.read_text() for path in write_conf(folder, pieces(tmp_path))}
    assert {path: path.read_text() for path in write_conf(folder, pieces(tmp_path))} == first


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.txt", "files"), ("a.jsonl", "jsonl"), ("a.json.gz", "jsonl"), ("a.parquet", "parquet")],
)
def test_the_ending_says_how_a_text_is_read(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / name).write_text("{}")
    assert kind_of(str(tmp_path / "d" / name)) == kind_of(str(tmp_path / "d")) == kind


def test_a_text_is_asked_for_what_it_surely_holds(tmp_path: Path) -> None:
    place = str(texts_at(tmp_path / "t", 40))
    found = own_text("text", "id", place, most=100_000, context=64, sequences=4)
    assert 4_000 <= found.n_tokens <= 40 * 4 * 64  # four sequences of each document at most
    assert own_text("text", "id", place, most=2_000, context=64, sequences=4).n_tokens == 2_000
    with pytest.raises(ConfigError, match=r"give more text, longer documents, or a smaller"):
        own_text("text", "id", place, most=9_000, context=5_000, sequences=4)


def test_shifts_are_named_by_their_files_and_no_two_alike() -> None:
    found = texts_named("t", ["a/code.jsonl", "b/code.txt", "9 lives.md", "random.txt"])
    names = [name for name, _, _ in found]
    assert len(set(names)) == 5 and names[0] == "text" and not names[3][0].isdigit()
    assert "code" not in names and "random" not in names  # names that the results keep
    assert [role for _, role, _ in found] == ["id", *["shifted"] * 4]


def test_the_hook_is_the_one_given_or_that_of_the_sae(tmp_path: Path) -> None:
    sae = sae_named(str(sae_at(tmp_path / "s")))
    assert hook_of(sae, None) == HOOK and hook_of(sae, "blocks.0.hook_resid_pre") != HOOK
    assert hook_of(sae_named("release/blocks.6.hook_resid_pre"), None) == "blocks.6.hook_resid_pre"
    with pytest.raises(ConfigError, match=r"--hook blocks\.6"):
        hook_of(sae_named(str(sae_at(tmp_path / "none", hook_name=""))), None)


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "word"])
def test_what_is_nowhere_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="There is no folder"):
        sae_named(name)


def test_sizes() -> None:
    assert round_down(47_321) == 47_000 and round_down(987) == 980 and round_down(7) == 7
    assert ladder(30_000)[-2:] == [10_000, 30_000] and ladder(1_500) == [1_500]


def test_the_command_writes_a_pipeline_and_says_how_to_run_it(tmp_path: Path) -> None:
    model_at(tmp_path / "m")
    sae_at(tmp_path / "s")
    texts_at(tmp_path / "t", 40)
    lines = "".join(json.dumps({"text": "x = 1\n" * 900 + str(i)}) + "\n" for i in range(30))
    (tmp_path / "code.jsonl").write_text(lines)
    arguments = ["--model", "m", "--sae", "s", "--text", "t", "--shift", "code.jsonl"]
    arguments = [a if a.startswith("--") else str(tmp_path / a) for a in arguments]
    arguments += ["--out", str(tmp_path / "out"), "--context", "64", "--write-only"]
    arguments += ["--model-name", "mine"]
    done = CliRunner().invoke(app, ["run", *arguments])
    assert done.exit_code == 0, done.output
    params = yaml.safe_load((tmp_path / "out" / "params.yaml").read_text())
    assert list(params["probes"]) == ["own"] and params["models"]["own"]["name"] == "mine"
    assert params["corpora"]["text"]["path"] == str(tmp_path / "t")
    assert "dvc repro" in done.output and "read as jsonl" in done.output


def test_conf_files_hold_no_other_names(tmp_path: Path) -> None:
    assert set(conf_files(pieces(tmp_path))) == {
        "source/own.yaml", "probe/own.yaml", "corpus/text.yaml", "corpus/program.yaml",
        "experiment/own.yaml",
    }  # fmt: skip
