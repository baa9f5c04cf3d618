"""The monitor: k is the pipeline's, live as well as afterwards, and so is what is thresholded."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semdim.activations.cache import cache_activations
from semdim.artifacts.shards import Artifact, ShardWriter
from semdim.codes.encode import encode_codes
from semdim.errors import ArtifactError, ConfigError, DataError, MismatchError
from semdim.monitor import SparsityMonitor, Token, read_threshold
from semdim.monitor.exports import Exports, exported_probes, find
from semdim.monitor.live import CachedModel, count_active
from semdim.monitor.monitor import describe
from semdim.monitor.pieces import Detokenizer, cut, text_of, token_ids
from semdim.monitor.recorder import Recorder
from semdim.monitor.threshold import Threshold, Watched
from semdim.monitor.verdict_words import as_dict, conditions, verdict
from semdim.paths import Paths
from semdim.saes.facts import read_facts as read_sae_facts
from semdim.saes.load import load_decoder
from semdim.tokens.sample import bos_mask
from semdim.uncertainty.guardrail import Guardrail
from semdim.uncertainty.rows import sequence_n_active
from semdim.uncertainty.spec import UncertaintySpec
from tests.unit.monitor_factory import (
    CONTEXT,
    Pipeline,
    calibrated,
    export_tiny,
    paragraphs,
    write_guardrail,
    write_hook,
)

SPEC = UncertaintySpec(n_resamples=20, n_splits=2, window=8)
TEXT = "Return the arithmetic mean — naïve, 漢字, 😀 — of the data.\n\n    x = [1, 2]\n"


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return export_tiny(tmp_path_factory.mktemp("monitor"))


@pytest.fixture(scope="module")
def pipeline(paths: Paths) -> Pipeline:
    return Pipeline(paths)


@pytest.fixture(scope="module")
def calibration(paths: Paths) -> Guardrail:
    return calibrated(paths, SPEC)


@pytest.fixture(scope="module")
def free(paths: Paths) -> SparsityMonitor:
    """Without a threshold: the context is the model's 256."""
    return SparsityMonitor.load("tiny", root=paths.root)


@pytest.fixture(scope="module")
def guarded(
    paths: Paths, calibration: Guardrail, tmp_path_factory: pytest.TempPathFactory
) -> SparsityMonitor:
    path = write_guardrail(tmp_path_factory.mktemp("t") / "guardrail.json", calibration)
    return SparsityMonitor.load("tiny", threshold=path, root=paths.root)


def through_the_stages(folder: Path, pipeline: Pipeline, paths: Paths, ids: torch.Tensor) -> list:  # type: ignore[type-arg]
    """k of ``ids`` [S, T] through cache_activations and encode_codes, shards and all."""

    def writer(name: str) -> ShardWriter:
        return ShardWriter(folder / name, work=folder / "partial", key=name, n_shards=1)

    shards = writer("activations")
    cache_activations(
        pipeline.split, ids.int(), shards, shard_sequences=len(ids), batch_sequences=3,
        update=lambda _: None,
    )  # fmt: skip
    shards.publish({})
    decoder = load_decoder(paths.sae("tiny"))
    shards = writer("codes")
    encode_codes(
        pipeline.sae, decoder.weight, decoder.bias, Artifact.open(folder / "activations"), shards,
        batch_rows=50, device="cpu", update=lambda _: None,
    )  # fmt: skip
    shards.publish({})
    row_starts = Artifact.open(folder / "codes").read(0)["row_starts"]
    return row_starts.diff().view(ids.shape).tolist()


def ids_of(tokens: tuple[Token, ...]) -> torch.Tensor:
    return torch.tensor([[token.id for token in tokens]])


def k_of(tokens: tuple[Token, ...]) -> list[int]:
    return [token.n_active for token in tokens]


def test_k_of_a_text_is_the_pipelines(
    tmp_path: Path, free: SparsityMonitor, pipeline: Pipeline, paths: Paths
) -> None:
    reading = free.score(TEXT)
    ids = ids_of(reading.tokens)
    assert ids[0, 0] == pipeline.bos and ids[0, 1:].tolist() == token_ids(
        TEXT, pipeline.model.tokenizer, "text"
    )
    expected = through_the_stages(tmp_path, pipeline, paths, ids)[0]
    assert k_of(reading.tokens) == expected
    assert len(set(expected)) > 5  # not a constant that anything would equal


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_k_while_generating_is_the_pipelines(
    tmp_path: Path, free: SparsityMonitor, pipeline: Pipeline, paths: Paths, temperature: float
) -> None:
    reading = free.generate(TEXT, 120, temperature=temperature, seed=5).finish()
    written = [token for token in reading.tokens if token.is_generated]
    assert len(written) == 120 and reading.is_complete
    expected = through_the_stages(tmp_path, pipeline, paths, ids_of(reading.tokens))[0]
    assert k_of(reading.tokens) == expected


def test_a_continuation_is_the_models_own(free: SparsityMonitor, pipeline: Pipeline) -> None:
    """Greedy: each token is the argmax of a full forward pass over all before it."""
    reading = free.generate("def mean(data):", 12, temperature=0).finish()
    ids = ids_of(reading.tokens)
    first = next(token.position for token in reading.tokens if token.is_generated)
    logits = pipeline.model(ids)[0]
    assert logits[first - 1 : -1].argmax(-1).tolist() == ids[0, first:].tolist()


def test_looking_changes_nothing_that_is_generated(free: SparsityMonitor) -> None:
    watched = free.generate("x = 1", 20, seed=2).finish()
    alone = free.generate("x = 1", 20, seed=2, watch=False).finish()
    other = free.generate("x = 1", 20, seed=3).finish()
    assert [t.id for t in watched.tokens] == [t.id for t in alone.tokens]
    assert [t.id for t in watched.tokens] != [t.id for t in other.tokens]


def test_the_two_ways_to_count_agree(pipeline: Pipeline) -> None:
    rows = 20 * torch.randn(50, 48, generator=torch.manual_seed(1))
    from semdim.codes.encode import encode_rows

    assert count_active(pipeline.sae, rows) == encode_rows(pipeline.sae, rows, 7).n_active.tolist()
    with pytest.raises(DataError, match="NaN or infinite"):
        count_active(pipeline.sae, torch.full((1, 48), float("nan")))


def test_the_cache_takes_padding_ids_for_text(pipeline: Pipeline) -> None:
    """TransformerLens would mask a trailing token with the padding's id; every id is text here."""
    tokenizer = pipeline.model.tokenizer
    ids = [pipeline.bos, 50, 60, 70, 60]
    before = tokenizer.pad_token_id
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(60)
    try:
        cached = CachedModel(pipeline.split)
        rows = torch.cat([cached.prefix([token_id]) for token_id in ids])
    finally:
        tokenizer.pad_token = None if before is None else tokenizer.convert_ids_to_tokens(before)
    torch.testing.assert_close(
        rows, pipeline.split.prefix(torch.tensor([ids]))[0], atol=1e-4, rtol=1e-4
    )


def test_every_sequence_is_compared_as_in_calibration(
    guarded: SparsityMonitor, calibration: Guardrail, pipeline: Pipeline
) -> None:
    """The alarms on calibration-like sequences are those of the pipeline's own table."""
    limit = guarded.threshold
    assert limit is not None
    assert limit.max_n_active == calibration.threshold
    assert limit.window_n_active == calibration.window.threshold
    n_alarms = 0
    for text in paragraphs()[:40]:
        reading = guarded.score(text)
        table = pd.DataFrame([vars(token) for token in reading.tokens])
        table["document"] = 0
        ids = [ids_of(tuple(t for t in reading.tokens if t.sequence == s.sequence))
               for s in reading.sequences]  # fmt: skip
        table["is_bos"] = torch.cat([bos_mask(row, pipeline.bos)[0] for row in ids]).numpy()
        table["n_active"] = torch.cat([pipeline.n_active(row)[0] for row in ids]).numpy()
        full = table[table.groupby("sequence")["position"].transform("size") > SPEC.window]
        rows = sequence_n_active(full, SPEC.window).set_index("sequence")
        for item in reading.sequences:
            if item.sequence not in rows.index:
                assert item.window_n_active is None
                continue
            row = rows.loc[item.sequence]
            assert item.max_n_active == row["max_n_active"]
            assert item.window_n_active == row["window_n_active"]
            assert item.mean_n_active == row["mean_n_active"]
            assert item.max_alarm == (row["max_n_active"] > limit.max_n_active)
            assert item.window_alarm == (row["window_n_active"] > limit.window_n_active)
        n_alarms += bool(reading.alarm)
        for token in reading.tokens:
            assert token.is_scored == (token.position > 0 and token.id != pipeline.bos)
            assert token.flagged <= token.is_scored
        assert any(t.flagged for t in reading.tokens) == any(
            item.max_alarm for item in reading.sequences
        )
        assert any(t.in_flagged_window for t in reading.tokens) == any(
            item.window_alarm for item in reading.sequences
        )
    assert 0 < n_alarms < 40


def test_a_long_text_is_cut_as_the_pipeline_cuts(
    guarded: SparsityMonitor, pipeline: Pipeline
) -> None:
    text = "".join(paragraphs()[:30])
    reading = guarded.score(text)
    ids = token_ids(text, pipeline.model.tokenizer, "text")
    body = CONTEXT - 1
    assert len(reading.sequences) == -(-len(ids) // body) > 17  # more than a batch
    full = torch.tensor(ids[: len(ids) // body * body]).view(-1, body)
    full = torch.cat([torch.full((len(full), 1), pipeline.bos), full], dim=1)
    expected = pipeline.n_active(full).flatten().tolist()
    assert k_of(reading.tokens)[: len(expected)] == expected
    assert reading.text == text
    assert any("cut into" in line for line in conditions(reading))


@given(st.text(min_size=1, max_size=60))
def test_the_pieces_of_a_text_are_the_text(text: str) -> None:
    tokenizer = _tokenizer()
    pieces = Detokenizer(tokenizer)
    ids = token_ids(text, tokenizer, "text")
    assert "".join([pieces.add(token_id) for token_id in ids]) + pieces.rest() == text


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(2, 20))
def test_cutting_loses_no_token(ids: list[int], context: int) -> None:
    sequences = cut(ids, context, 77)
    assert [i for sequence in sequences for i in sequence[1:]] == ids
    assert all(sequence[0] == 77 and 2 <= len(sequence) <= context for sequence in sequences)
    assert all(len(sequence) == context for sequence in sequences[:-1])


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), min_size=1, max_size=40),
    st.integers(1, 6),
)
def test_live_flags_add_up_to_the_alarms(tokens: list[tuple[int, int]], window: int) -> None:
    """Any mixture of ids (0 is BOS): the running judgement and the table's are the same."""
    recorder = Recorder(0, _limit(20, 15.5, window), window)
    recorder.start_sequence()
    recorder.add(0, 29, "")
    for token_id, k in tokens:
        recorder.add(token_id, k, "x")
    reading = recorder.reading(_watched())
    flagged = any(token.flagged for token in reading.tokens)
    moving = any(token.in_flagged_window for token in reading.tokens)
    assert flagged == any(bool(item.max_alarm) for item in reading.sequences)
    assert moving == any(bool(item.window_alarm) for item in reading.sequences)
    assert flagged == any(k > 20 for token_id, k in tokens if token_id != 0)
    assert reading.alarm == (flagged or moving)


def test_without_a_threshold_k_is_shown_and_the_way_to_one(free: SparsityMonitor) -> None:
    reading = free.score(TEXT)
    assert reading.alarm is None and reading.flagged == ()
    assert reading.sequences[0].max_n_active == max(k_of(reading.tokens)[1:])
    assert "make repro" in verdict(reading)
    assert json.loads(json.dumps(as_dict(reading)))["alarm"] is None


def test_the_probes_own_threshold_is_the_default(tmp_path: Path, calibration: Guardrail) -> None:
    paths = export_tiny(tmp_path)
    write_guardrail(paths.results("tiny") / "guardrail.json", calibration)
    with SparsityMonitor.load("tiny", root=tmp_path) as monitor:
        assert monitor.threshold is not None
        assert monitor.watched.context == CONTEXT
    folders = {"model": paths.model("tiny"), "sae": paths.sae("tiny")}
    with SparsityMonitor.load(**folders) as monitor:  # folders have no results of their own
        assert monitor.threshold is None
    with pytest.raises(ConfigError, match="closed"):
        monitor.score("x")


def test_a_probe_is_found_by_its_name_or_as_its_models_only_one(tmp_path: Path) -> None:
    paths = export_tiny(tmp_path)
    processing = read_sae_facts(paths.sae("tiny")).processing
    alone = Exports(paths.model("tiny"), paths.sae("tiny"), processing, None)
    assert exported_probes(tmp_path) == ("tiny",)
    for named in ({}, {"probe": "tiny"}, {"model": "tiny"}, {"probe": "tiny", "model": "tiny"}):
        assert find(**named, root=tmp_path) == alone
    shutil.copytree(paths.sae("tiny"), paths.sae("deep"))
    write_hook(paths, "deep", "tiny")
    assert find("deep", root=tmp_path) == replace(alone, sae=paths.sae("deep"))
    for named in ({}, {"model": "tiny"}):
        with pytest.raises(ArtifactError, match=r"2 probes.* here, deep, tiny: choose"):
            find(**named, root=tmp_path)
    with pytest.raises(MismatchError, match="'deep' is of the model 'tiny', not of 'gpt9'"):
        find("deep", "gpt9", root=tmp_path)
    with pytest.raises(ConfigError, match="give a probe alone, or a model and an SAE"):
        find("deep", sae=paths.sae("tiny"), root=tmp_path)


def test_an_sae_beside_a_model_needs_no_probe(tmp_path: Path) -> None:
    paths = export_tiny(tmp_path)
    beside = tmp_path / "mine"
    shutil.copytree(paths.model("tiny"), beside / "model")
    shutil.copytree(paths.sae("tiny"), beside / "sae")
    for model in (beside, beside / "model"):
        found = find(model=model, root=tmp_path)
        assert (found.model, found.sae) == (beside / "model", beside / "sae")
    for sae in ("tiny", paths.sae("tiny")):
        found = find(model=beside, sae=sae, root=tmp_path)
        assert (found.model, found.sae) == (beside / "model", paths.sae("tiny"))
    found = find(model="tiny", sae=beside, root=tmp_path)
    assert (found.model, found.sae) == (paths.model("tiny"), beside / "sae")
    shutil.rmtree(beside / "sae")
    for named in ({"model": beside}, {"model": "tiny", "sae": "none"}):
        with pytest.raises(ArtifactError, match="There is no exported SAE"):
            find(**named, root=tmp_path)
    with pytest.raises(ArtifactError, match="There is no exported model"):
        find(model="none", sae="tiny", root=tmp_path)


def test_a_damaged_hook_is_named(tmp_path: Path) -> None:
    paths = export_tiny(tmp_path)
    for content, message in (
        ("{", "cannot be read"),
        ("[]", "the whole is a list"),
        ('{"hook_name": "blocks.1.hook_resid_post"}', "model is missing"),
    ):
        paths.hook("tiny").write_text(content)
        with pytest.raises(ArtifactError, match=rf"hook\.json .*{message}"):
            find("tiny", root=tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model_fingerprint": "f" * 64, "model": "gpt2"}, "for the model gpt2 .*ffffffffffff"),
        ({"sae_fingerprint": "0" * 64, "sae": "res-jb"}, "for the SAE res-jb .*000000000000"),
        ({"hook_name": "blocks.0.hook_resid_post"}, "hook point blocks.0.hook_resid_post, not"),
        ({"splice": "all"}, "splice all, not no_bos"),
    ],
)
def test_another_ones_threshold_is_refused(
    tmp_path: Path, paths: Paths, calibration: Guardrail, changed: dict[str, Any],
    message: str,
) -> None:  # fmt: skip
    path = write_guardrail(tmp_path / "guardrail.json", calibration, **changed)
    with pytest.raises(MismatchError, match=message) as caught:
        SparsityMonitor.load("tiny", threshold=path, root=paths.root)
    assert "\n" not in str(caught.value) and str(caught.value).endswith("make repro`.")


def test_another_context_is_refused(tmp_path: Path, paths: Paths, calibration: Guardrail) -> None:
    path = write_guardrail(tmp_path / "guardrail.json", calibration)
    with pytest.raises(MismatchError, match="context 64, not 128"):
        SparsityMonitor.load("tiny", threshold=path, context=128, root=paths.root)
    path = write_guardrail(path, calibration, context=9999)
    with pytest.raises(MismatchError, match="longer than the 256"):
        SparsityMonitor.load("tiny", threshold=path, root=paths.root)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("{}", "names no schema"),
        ('{"schema": "guardrail/0"}', "is of the schema 'guardrail/0'"),
    ],
)
def test_a_damaged_threshold_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "guardrail.json"
    path.write_text(content)
    with pytest.raises(ArtifactError, match=message):
        read_threshold(path)
    with pytest.raises(ArtifactError, match="make repro"):
        read_threshold(tmp_path / "none.json")


def test_a_threshold_that_is_infinite_or_for_nothing_is_refused(
    tmp_path: Path, calibration: Guardrail
) -> None:
    path = write_guardrail(tmp_path / "guardrail.json", calibration)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"threshold": float("inf")}))
    with pytest.raises(ArtifactError, match="threshold is inf, expected a finite number"):
        read_threshold(path)
    path.write_text(json.dumps(content | {"provenance": None}))
    with pytest.raises(ArtifactError, match="does not say which model and SAE"):
        read_threshold(path)


def test_a_model_that_is_not_there_names_those_that_are(paths: Paths) -> None:
    with pytest.raises(ArtifactError, match=r"probe for 'gpt9'.*exported here: tiny.*dvc repro"):
        SparsityMonitor.load("gpt9", root=paths.root)


@pytest.mark.parametrize("what", ["score", "generate"])
def test_an_empty_text_is_refused(free: SparsityMonitor, what: str) -> None:
    with pytest.raises(DataError, match="is empty"):
        getattr(free, what)("")


def test_more_than_the_context_is_refused(guarded: SparsityMonitor) -> None:
    guarded.generate("x y", CONTEXT - 4).finish()
    with pytest.raises(DataError, match="the context is 64: generate at most"):
        guarded.generate("x y", CONTEXT)
    with pytest.raises(DataError, match="the context is 64: shorten the prompt"):
        guarded.generate("x y " * CONTEXT, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_tokens": 0}, "n_tokens = 0"),
        ({"temperature": -1.0}, "temperature = -1"),
        ({"temperature": float("nan")}, "temperature = nan"),
    ],
)
def test_impossible_generations_are_refused(
    free: SparsityMonitor, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        free.generate("x", **settings)


def test_text_that_is_not_utf8_names_the_byte() -> None:
    with pytest.raises(DataError, match=r"byte 0xff at offset 7 \(line 2\)"):
        text_of(b"a line\n\xff", "notes.txt")
    with pytest.raises(DataError, match="half a character"):
        token_ids("x\ud800", _tokenizer(), "text")


def test_an_alarm_can_end_a_generation(paths: Paths, free: SparsityMonitor) -> None:
    """With a threshold just below the first record of a continuation, it ends there."""

    def record(seed: int) -> int | None:
        counts = k_of(free.generate("x = 1", 60, seed=seed).finish().tokens)
        first = len(counts) - 60
        records = (at for at in range(first + 5, len(counts)) if counts[at] > max(counts[1:at]))
        return next(records, None)

    seed, at = next((seed, at) for seed in range(20) if (at := record(seed)) is not None)
    whole = free.generate("x = 1", 60, seed=seed).finish()
    threshold = _limit(whole.tokens[at].n_active - 0.5, 1e9, 8, free.watched)
    monitor = SparsityMonitor.load("tiny", threshold=threshold, root=paths.root)
    stopped = monitor.generate("x = 1", 60, seed=seed, stop_on_alarm=True).finish()
    assert [t.id for t in stopped.tokens] == [t.id for t in whole.tokens[: at + 1]]
    assert stopped.flagged == (stopped.tokens[-1],) and stopped.alarm
    assert "1 token has" in verdict(stopped)


def test_a_reading_tells_what_its_promise_is_worth(guarded: SparsityMonitor) -> None:
    said = " ".join(conditions(guarded.generate("x", 5).finish()))
    for part in ("at most 0.05", "at most 0.1", "shorter", "text that a model writes", "documents"):
        assert part in said


def test_a_topk_sae_is_said_to_be_useless_here() -> None:
    recorder = Recorder(0, None, 4)
    recorder.start_sequence()
    recorder.add(0, 9, "")
    recorder.add(1, 8, "x")
    reading = recorder.reading(_watched(constant_n_active=True))
    assert any("TopK" in line for line in conditions(reading))


def test_an_unknown_splice_is_refused(paths: Paths) -> None:
    from semdim.models.facts import read_facts

    facts = read_facts(paths.model("tiny")), read_sae_facts(paths.sae("tiny"))
    with pytest.raises(ConfigError, match="sideways"):
        describe(*facts, context=64, splice="sideways", dtype="float32")
    with pytest.raises(ConfigError, match="needs 2"):
        describe(*facts, context=1, splice="no_bos", dtype="float32")


def _tokenizer() -> Any:
    if not _TOKENIZERS:
        from semdim.models.tiny import standard_library_text, train_tokenizer

        _TOKENIZERS.append(train_tokenizer(standard_library_text(), 768))
    return _TOKENIZERS[0]


_TOKENIZERS: list[Any] = []


def _watched(**changes: Any) -> Watched:
    facts: dict[str, Any] = {
        "model": "m", "model_fingerprint": "a" * 64, "sae": "s", "sae_fingerprint": "b" * 64,
        "hook_name": "blocks.1.hook_resid_post", "splice": "no_bos", "context": 64,
        "dict_size": 128, "compute_dtype": "float32", "constant_n_active": False,
    }  # fmt: skip
    return Watched(**facts | changes)


def _limit(largest: float, moving: float, window: int, watched: Watched | None = None) -> Threshold:
    about = watched or _watched()
    return Threshold(
        max_n_active=float(largest), window_n_active=float(moving), window=window,
        false_alarm_rate=0.05, guarantee="a promise", n_calibration=40,
        model=about.model, model_fingerprint=about.model_fingerprint, sae=about.sae,
        sae_fingerprint=about.sae_fingerprint, hook_name=about.hook_name, splice=about.splice,
        context=about.context, compute_dtype="float32",
    )  # fmt: skip
