"""A threshold with a certified risk: what is let through is what the study of errors counted."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from semdim.commands.app import app
from semdim.errors import ArtifactError, ConfigError, MismatchError
from semdim.monitor import Reading, SparsityMonitor, as_dict, read_selection, watch
from semdim.monitor.page import render
from semdim.monitor.recorder import Recorder
from semdim.monitor.selection import Selection
from semdim.monitor.threshold import Watched
from semdim.monitor.token_scores import TOKEN_SCORES
from semdim.monitor.verdict_words import conditions, verdict
from semdim.paths import Paths
from semdim.records import write_record
from semdim.results.risk_thresholds import RiskThresholds
from tests.unit.monitor_factory import (
    CONTEXT,
    Pipeline,
    export_tiny,
    paragraphs,
    risk_file,
    tiny_provenance,
)

TEXT = "".join(paragraphs()[:8])


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return export_tiny(tmp_path_factory.mktemp("selection"))


def written(folder: Path, file: RiskThresholds, name: str = "risk_thresholds.json") -> Path:
    write_record(folder / name, file)
    return folder / name


def loaded(paths: Paths, score: str, threshold: float, **more: Any) -> SparsityMonitor:
    file = risk_file((0.4, threshold), score=score, **tiny_provenance(paths), **more)
    path = written(paths.root, file, f"{score}.json")
    return SparsityMonitor.load("tiny", threshold=path, root=paths.root)


@pytest.mark.parametrize("score", ["entropy", "one_minus_max_prob"])
def test_scores_of_a_text_are_the_ledgers(paths: Paths, score: str) -> None:
    """The same tokens have a score as count in the study of errors: neither position 0 nor the last
    of a sequence; and the scores are those that the stage model_losses writes."""
    pipeline = Pipeline(paths)
    with loaded(paths, score, 3.0) as monitor:
        reading = monitor.score(TEXT)
    ids = torch.tensor([token.id for token in reading.tokens[: 2 * CONTEXT]]).view(2, CONTEXT)
    found = pipeline.split.next_token(
        pipeline.split.suffix(pipeline.split.prefix(ids)), ids, scores=True
    )
    expected = found.entropy if score == "entropy" else 1 - found.max_prob
    ours = [token.score for token in reading.tokens[: 2 * CONTEXT]]
    assert [at for at, value in enumerate(ours) if value is None] == [
        0, CONTEXT - 1, CONTEXT, 2 * CONTEXT - 1,
    ]  # fmt: skip
    values = expected.view(2, CONTEXT - 1)[:, 1:].flatten()
    np.testing.assert_allclose([v for v in ours if v is not None], values, rtol=1e-4, atol=1e-5)
    assert np.std(values.numpy()) > 0.01
    for token in reading.compared:
        assert token.is_let_through == (token.score <= 3.0)


def test_scores_while_generating_are_those_of_the_whole_text(paths: Paths) -> None:
    with loaded(paths, "entropy", 3.0) as monitor:
        reading = monitor.generate("def mean(data):", 30, temperature=0).finish()
    ids = torch.tensor([[token.id for token in reading.tokens]])
    split = Pipeline(paths).split
    found = split.next_token(split.suffix(split.prefix(ids)), ids, scores=True)
    assert found.entropy is not None
    ours = [token.score for token in reading.tokens][1:-1]
    np.testing.assert_allclose(ours, found.entropy[1:], rtol=1e-3, atol=1e-4)
    assert len(ours) == 34 and np.std(ours) > 0.01
    with SparsityMonitor.load("tiny", root=paths.root) as free:
        plain = free.generate("def mean(data):", 30, temperature=0).finish()
    assert [t.id for t in plain.tokens] == [t.id for t in reading.tokens]


def test_k_may_be_the_score_and_more_of_it_the_better(paths: Paths) -> None:
    with loaded(paths, "n_active", 9.0, lets_through="at least") as monitor:
        reading = monitor.score(TEXT)
    assert all(token.score == token.n_active for token in reading.compared)
    assert all(token.is_let_through == (token.n_active >= 9) for token in reading.compared)
    assert reading.alarm is None and 0 < len(reading.held_back) < len(reading.compared)


def by_hand(
    n_tokens: int, *, file: RiskThresholds | None = None, dtype: str = "float32", written: int = 0
) -> Reading:
    """A reading of so many tokens after BOS, in sequences of 64, with scores 0, 1, 2 … 7, 0 …"""
    content = file or risk_file((0.4, 3.0))
    assert content.provenance is not None
    point = content.curves[0].points[0]
    assert point.threshold is not None
    chosen = Selection(content, content.provenance, content.curves[0], point, point.threshold)
    source = content.provenance
    watched = Watched(
        model="m", model_fingerprint="a" * 64, sae="s", sae_fingerprint="b" * 64,
        hook_name=source.hook_name, splice="no_bos", context=64, dict_size=128,
        compute_dtype=dtype, constant_n_active=False,
    )  # fmt: skip
    recorder = Recorder(0, None, 64, chosen)
    for at in range(n_tokens + -(-n_tokens // 63)):
        if at % 64 == 0:
            recorder.start_sequence()
            recorder.add(0, 100, "")
        else:
            recorder.add(5, 10, "a ", is_generated=at > n_tokens - written, score=float(at % 8))
    return recorder.reading(watched)


def test_the_verdict_says_the_promise_with_everything_it_needs() -> None:
    reading = by_hand(63)
    said = verdict(reading)
    n_kept = sum(at % 8 <= 3 for at in range(1, 63))
    assert f"{n_kept} of 62 tokens" in said and "at most 3 bits" in said
    assert "at most 40.0% are wrong" in said and "at least 30.0%" in said and "0.95" in said
    all_said = " ".join(conditions(reading))
    for words in (
        "share of tokens", "δ = 0.05", "40 documents", "5,000 tokens", "independent draws",
        "it promises nothing about this one text", "first 2 full sequences of 63",
        "Learn then Test",
    ):  # fmt: skip
        assert words in all_said, words
    assert "60.0%, above the promise" in all_said and "'python' (shifted)" in all_said
    # A full sequence of a text that somebody wrote is what the theorem is about.
    assert "ends after" not in all_said and "the model wrote" not in all_said
    loss = by_hand(63, file=risk_file((4.0, 3.0), outcome="loss"))
    assert "mean loss of the tokens let through is at most 4.000 bits" in verdict(loss)
    assert "α = 0.5, from 1 to 9 (bits)" in " ".join(conditions(loss))


def test_what_no_theorem_covers_is_said() -> None:
    assert "ends after 20 of the 63 tokens" in " ".join(conditions(by_hand(20)))
    long = by_hand(3 * 63 + 9)
    assert [item.is_promised for item in long.sequences] == [True, True, False, False]
    assert "covers 2 of the 4 sequences" in " ".join(conditions(long))
    assert "tokens that the model wrote" in " ".join(conditions(by_hand(63, written=5)))
    assert "measured in bfloat16" in " ".join(conditions(by_hand(63, dtype="bfloat16")))
    file = risk_file((0.4, 3.0))
    point = replace(file.curves[0].points[0], elsewhere={})
    alone = replace(file, curves=(replace(file.curves[0], points=(point,)),))
    assert "none was measured" in " ".join(conditions(by_hand(63, file=alone)))


def test_the_page_and_json_hold_the_certificate() -> None:
    reading = by_hand(63)
    page = render(reading)
    for words in ("held back", "at most 40.0% are wrong", "δ = 0.05", "independent draws",
                  "tokens with an entropy of the prediction of at most 3 bits"):  # fmt: skip
        assert words in page, words
    assert page.count('class="t h0 r"') == len(reading.held_back) > 0
    content = json.loads(json.dumps(as_dict(reading)))
    assert content["n_held_back"] == len(reading.held_back) and content["n_compared"] == 62
    assert content["selection"]["point"]["target_risk"] == 0.4


def test_the_largest_risk_that_was_certified_is_taken(tmp_path: Path) -> None:
    file = risk_file((0.2, None), (0.3, 1.0), (0.4, 2.0), (0.5, 4.0))
    path = written(tmp_path, file)
    assert read_selection(path, risk=0.45).threshold == 2.0
    assert read_selection(path, risk=0.3).point.target_risk == 0.3
    with pytest.raises(ConfigError, match=r"does not say which risk .* 0\.3 \(lets through at lea"):
        read_selection(path)
    with pytest.raises(ConfigError, match=r"none of at most 0\.25 was certified"):
        read_selection(path, risk=0.25)
    with pytest.raises(ConfigError, match="no thresholds for the loss 'nll'"):
        read_selection(path, risk=0.3, outcome="nll")
    nothing = written(tmp_path, risk_file((0.2, None)))
    with pytest.raises(ConfigError, match="none was certified on 40 documents"):
        read_selection(nothing, risk=0.2)
    with pytest.raises(ConfigError, match=r"errors\.target_shares named no risk"):
        read_selection(written(tmp_path, replace(file, curves=())))
    with pytest.raises(ArtifactError, match="provenance is null"):
        read_selection(written(tmp_path, replace(file, provenance=None)), risk=0.3)
    with pytest.raises(ConfigError, match="cannot compute the score 'mahalanobis'"):
        read_selection(written(tmp_path, replace(file, score="mahalanobis")), risk=0.3)


def test_it_is_used_for_what_it_was_calibrated_on(paths: Paths, tmp_path: Path) -> None:
    other = risk_file((0.4, 3.0), **tiny_provenance(paths) | {"sae_fingerprint": "c" * 64})
    with pytest.raises(MismatchError, match="calibrated for the SAE"):
        SparsityMonitor.load("tiny", threshold=written(tmp_path, other), root=paths.root)
    path = written(tmp_path, risk_file((0.4, 3.0), **tiny_provenance(paths)))
    with pytest.raises(ConfigError, match=r"no guardrail\.json"):
        SparsityMonitor.load("tiny", threshold=path, with_confidence=True, root=paths.root)
    with pytest.raises(ConfigError, match=r"--risk and --outcome choose among"):
        SparsityMonitor.load("tiny", risk=0.4, root=paths.root)


def test_hooks_on_a_model_of_transformers_read_k_alone(paths: Paths, tmp_path: Path) -> None:
    path = written(tmp_path, risk_file((0.4, 3.0), **tiny_provenance(paths)))
    model = torch.nn.Linear(1, 1)
    with (
        pytest.raises(ConfigError, match="reads only activations"),
        watch(model, None, paths.sae("tiny"), path, facts=paths.model("tiny")),
    ):
        pass


def test_every_score_of_the_setting_can_be_computed() -> None:
    from typing import get_args, get_type_hints

    from semdim.mistakes.spec import ErrorsSpec

    assert set(get_args(get_type_hints(ErrorsSpec)["monitor_score"])) == set(TOKEN_SCORES)


def test_on_the_command_line(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(paths.root, risk_file((0.4, 3.0), (0.5, 4.0), **tiny_provenance(paths)))
    monkeypatch.chdir(paths.root)
    monkeypatch.setenv("COLUMNS", "120")
    given = ["monitor", "--text", "x = [1, 2]", "--threshold", str(path)]
    result = CliRunner().invoke(app, [*given, "--risk", "0.4"])
    assert result.exit_code == 0, result.output
    assert "at most 40.0% are wrong" in result.stdout and "held back" in result.stdout
    assert "Alarm" not in result.stdout
    content = json.loads(CliRunner().invoke(app, [*given, "--risk", "0.6", "--json"]).stdout)
    assert content["selection"]["threshold"] == 4.0 and content["alarm"] is None
