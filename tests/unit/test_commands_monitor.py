"""`semdim monitor`: what it prints, what it writes, what it refuses, and how it ends."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from semdim.commands import monitor
from semdim.commands.app import app
from semdim.errors import ConfigError
from semdim.monitor import SparsityMonitor
from semdim.monitor.live import Sampler
from semdim.paths import Paths
from semdim.records import read_record
from semdim.uncertainty.guardrail import Guardrail
from semdim.uncertainty.spec import UncertaintySpec
from tests.unit.monitor_factory import CONTEXT, calibrated, export_tiny, paragraphs, write_guardrail

SPEC = UncertaintySpec(n_resamples=20, n_splits=2, window=8, guardrail_looks=(8, 24))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the exports and the results of the tiny model."""
    paths = export_tiny(tmp_path_factory.mktemp("project"))
    write_guardrail(paths.results("tiny") / "guardrail.json", calibrated(paths, SPEC))
    return paths.root


@pytest.fixture(autouse=True)
def _there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "120")


def run(*arguments: str, stdin: bytes | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["monitor", *arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def texts() -> tuple[str, str]:
    """One text that raises an alarm, one that raises none."""
    pieces = [text[:150] for text in paragraphs()]
    with SparsityMonitor.load("tiny") as monitor:
        loud = next(text for text in pieces if monitor.score(text).alarm)
        quiet = next(text for text in pieces if monitor.score(text).alarm is False)
    return loud, quiet


def test_flags_show_without_colours_and_in_the_exit_status() -> None:
    loud, quiet = texts()
    code, out, _ = run("--text", loud)
    assert code == 3
    assert "▲" in out and "Alarm: " in out and "\x1b" not in out
    assert "at most 0.05" in out
    code, out, _ = run("--text", quiet)
    assert code == 0 and "No alarm in " in out
    assert "▲" not in out.replace("▲ above the threshold at a look", "")


def test_every_token_is_listed_with_its_k() -> None:
    text = "x = [1, 2]"
    _, out, _ = run("--text", text)
    assert text in _without_marks(out)
    cells = re.findall(r"(\d+) +(\S+) +(\d+) +[\d.]* *[·▲]?", out)
    with SparsityMonitor.load("tiny") as monitor:
        tokens = monitor.score(text).tokens
    assert {(token.position, token.n_active) for token in tokens} <= {
        (int(position), int(k)) for position, _, k in cells
    }
    _, out, _ = run("--text", text, "--no-table")
    assert "not examined (BOS)" not in out


def _without_marks(text: str) -> str:
    return text.replace("▲", "")


def test_a_long_text_lists_its_largest_tokens(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("".join(paragraphs()[:15]))
    _, out, _ = run(str(path))
    assert "The 32 largest of" in out and "no promise" in out
    assert "The promise ends there: of" in out and "first 2 full sequences" in out


def test_json_and_every_way_to_give_a_text(tmp_path: Path) -> None:
    text = "naïve 漢字\n"
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8")
    outputs = [
        run("--json", "--text", text),
        run("--json", str(path)),
        run("--json", stdin=text.encode()),
        run("--json", "-", stdin=text.encode()),
    ]
    readings = [json.loads(out) for _, out, _ in outputs]
    assert all(reading == readings[0] for reading in readings)
    assert readings[0]["text"] == text
    assert readings[0]["alarm"] == (outputs[0][0] == 3)
    assert {"n_active", "flagged", "level", "position", "id", "text"} <= set(
        readings[0]["tokens"][0]
    )


def test_a_generation_is_streamed_and_the_same_again(tmp_path: Path) -> None:
    html = tmp_path / "out.html"
    code, out, _ = run("--text", "def f(x):", "--generate", "20", "--html", str(html))
    assert code in (0, 3)
    assert _without_marks(out).startswith("def f(x):") and "text written by a model" in out
    assert "written by the model" in html.read_text(encoding="utf-8")
    _, first, _ = run("--text", "def f(x):", "--generate", "20", "--seed", "3", "--json")
    _, again, _ = run("--text", "def f(x):", "--generate", "20", "--seed", "3", "--json")
    assert first == again and json.loads(first)["text"].startswith("def f(x):")


@pytest.mark.parametrize("is_json", [True, False])
def test_ctrl_c_keeps_what_was_generated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_json: bool
) -> None:
    """A real SIGINT when the sixth token is about to be drawn."""
    draw, drawn = Sampler.__call__, []

    def interrupted(self: Sampler, logits: Any) -> int:
        drawn.append(0)
        if len(drawn) == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return draw(self, logits)

    monkeypatch.setattr(Sampler, "__call__", interrupted)
    html = tmp_path / "out.html"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code, out, err = run(
            "--text", "def f(x):", "--generate", "40", "--html", str(html),
            *(["--json"] if is_json else []),
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    assert code == 130 and len(drawn) == 6
    assert "kept" in err and "Traceback" not in out + err
    assert "Interrupted" in html.read_text(encoding="utf-8")
    if is_json:
        reading = json.loads(out)
        assert reading["is_complete"] is False
        assert sum(token["is_generated"] for token in reading["tokens"]) == 5
    else:
        assert _without_marks(out).startswith("def f(x):") and "interrupted" in out


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["--text", ""], None, "The text is empty"),
        (["--text", "", "--generate", "5"], None, "The prompt is empty"),
        (["--text", "x " * 200, "--generate", "1"], None, f"the context is {CONTEXT}"),
        (["--text", "x", "--generate", "0"], None, "n_tokens = 0"),
        (["--text", "x", "--splice", "all"], None, "splice no_bos, not all"),
        (["--text", "x", "--context", "32"], None, "context 64, not 32"),
        (["--text", "x", "--threshold", "none.json"], None, "make repro"),
        (["--text", "x", "--model", "tiny", "--sae", "none"], None, "no exported SAE"),
        (["--text", "x", "--group", "news"], None, "no thresholds for the group 'news'"),
        (["--text", "x", "--sae", "none"], None, "needs a model and no probe"),
        (["--text", "x", "--probe", "none"], None, "probes exported here: tiny"),
        (["--text", "x", "--model", "gpt9"], None, "no exported model for 'gpt9'"),
        (["--text", "x", "--dtype", "int4"], None, "compute_dtype"),
        (["--text", "x", "--html", "nowhere/out.html"], None, "does not exist: create it"),
        (["--text", "x", "params.yaml"], None, "Both --text and a file"),
        (["none.txt"], None, "none.txt cannot be read"),
        ([], b"caf\xe9", "Standard input is not UTF-8 text: byte 3 is 0xe9, on line 1"),
        (["--text", "a\udcffb"], None, "The text of --text is not UTF-8 text: byte 1 is 0xff"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], stdin: bytes | None, message: str) -> None:
    code, out, err = run(*arguments, stdin=stdin)
    assert code == 1 and out == ""
    assert message in err and err.startswith("error: ") and err.count("\n") == 1


@pytest.mark.parametrize("file", [None, Path("-")])
def test_a_closed_standard_input_is_no_text(
    file: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ConfigError, match="There is no text"):
        monitor._text(file, None)
    assert monitor._text(None, "\ufeffa\r\n") == "a\n"


def test_anothers_threshold_is_refused_by_its_fingerprint(tmp_path: Path) -> None:
    content = read_record(Paths().results("tiny") / "guardrail.json", Guardrail)
    path = write_guardrail(tmp_path / "g.json", content, sae_fingerprint="d" * 64)
    code, _, err = run("--text", "x", "--threshold", str(path))
    assert code == 1 and "dddddddddddd" in err


def test_a_guardrail_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    current = (Paths().results("tiny") / "guardrail.json").read_text(encoding="utf-8")
    path.write_text(current.replace(Guardrail.SCHEMA, "guardrail/1"))
    code, _, err = run("--text", "x", "--threshold", str(path))
    assert code == 1 and "'guardrail/1'" in err and "`dvc repro measure_uncertainty`" in err


def test_a_text_that_ends_before_the_first_look_is_no_alarm() -> None:
    code, out, _ = run("--text", "x = 1")
    assert code == 0 and "Too short to judge" in out
    code, out, _ = run("--text", "x = 1", "--json")
    assert code == 0 and json.loads(out)["alarm"] is None


def test_the_larger_thresholds_are_asked_for() -> None:
    loud, _ = texts()
    given = ["--text", loud, "--json"]
    plain, larger = (json.loads(run(*given, *more)[1]) for more in ([], ["--confident"]))
    assert larger["threshold"]["with_confidence"] and not plain["threshold"]["with_confidence"]
    pairs = zip(plain["sequences"][0]["looks"], larger["sequences"][0]["looks"], strict=True)
    assert all(one["threshold"] <= other["threshold"] for one, other in pairs)
    folders = ["--model", str(Paths().model("tiny")), "--sae", str(Paths().sae("tiny"))]
    code, _, err = run(*folders, "--text", "x = 1", "--confident")
    assert code == 1 and "no such thresholds to choose from" in err


def test_without_a_threshold_it_says_how_to_get_one() -> None:
    folders = ["--model", str(Paths().model("tiny")), "--sae", str(Paths().sae("tiny"))]
    code, out, _ = run(*folders, "--text", "x = 1")
    assert code == 0 and "make repro" in out and "results/probes/<probe>/guardrail.json" in out


def test_a_probe_is_named_or_is_its_models_only_one() -> None:
    outputs = {run(*given, "--text", "x = 1", "--json")[1]
               for given in ([], ["--probe", "tiny"], ["--model", "tiny"])}  # fmt: skip
    assert len(outputs) == 1 and json.loads(outputs.pop())["threshold"] is not None


def test_help_teaches() -> None:
    code, out, _ = run("--help")
    assert code == 0
    for part in ("--probe", "--generate", "--html", "Examples", "130", "guardrail.json"):
        assert part in out
