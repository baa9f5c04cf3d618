"""The monitor: k is the pipeline's, live as well as afterwards, and so is what is thresholded."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semdim.activations.cache import cache_activations
from semdim.artifacts.shards import Artifact, ShardWriter
from semdim.codes.encode import Encoding, encode_codes
from semdim.errors import ArtifactError, ConfigError, DataError, MismatchError
from semdim.monitor import SparsityMonitor, Token, read_threshold
from semdim.monitor.exports import Exports, exported_probes, find
from semdim.monitor.live import CachedModel, count_active
from semdim.monitor.monitor import describe
from semdim.monitor.pieces import Detokenizer, cut, token_ids
from semdim.monitor.reading import Reading
from semdim.monitor.recorder import Recorder
from semdim.monitor.threshold import Threshold, Watched
from semdim.monitor.verdict_words import as_dict, conditions, verdict
from semdim.paths import Paths
from semdim.saes.facts import read_facts as read_sae_facts
from semdim.saes.load import load_decoder
from semdim.text.reading import normal, text_of
from semdim.tokens.sample import bos_mask
from semdim.uncertainty.alarm_levels import Rule, document_levels
from semdim.uncertainty.guardrail import Guardrail
from semdim.uncertainty.spec import UncertaintySpec
from tests.unit.monitor_factory import (
    CONTEXT,
    Pipeline,
    calibrated,
    export_tiny,
    limit,
    paragraphs,
    write_guardrail,
    write_hook,
)

SPEC = UncertaintySpec(n_resamples=20, n_splits=2, window=8, guardrail_looks=(8, 24))
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
    encoding = Encoding(
        pipeline.sae, decoder.weight, decoder.bias, batch_rows=50, device="cpu"
    )  # fmt: skip
    encode_codes(encoding, Artifact.open(folder / "activations"), shards, update=lambda _: None)
    shards.publish({})
    row_starts = Artifact.open(folder / "codes").read(0)["row_starts"]
    return row_starts.diff().view(ids.shape).tolist()


def ids_of(tokens: tuple[Token, ...]) -> torch.Tensor:
    return torch.tensor([[token.id for token in tokens]])


def k_of(tokens: tuple[Token, ...]) -> list[int]:
    return [token.n_active for token in tokens]


def assert_are_the_pipelines(
    folder: Path, pipeline: Pipeline, paths: Paths, tokens: tuple[Token, ...]
) -> list[int]:
    """k of ``tokens`` is what the stages compute: the same integers, except where a pre-activation
    is within rounding of its threshold. Returns the stages'."""
    ids = ids_of(tokens)
    expected = through_the_stages(folder, pipeline, paths, ids)[0]
    least, most = pipeline.n_active_but_for_rounding(ids)
    assert int((most - least).sum()) <= 2  # of thousands of pre-activations
    for k in (k_of(tokens), expected):
        assert (least[0] <= torch.tensor(k)).all() and (torch.tensor(k) <= most[0]).all()
    return expected


def test_k_of_a_text_is_the_pipelines(
    tmp_path: Path, free: SparsityMonitor, pipeline: Pipeline, paths: Paths
) -> None:
    reading = free.score(TEXT)
    ids = ids_of(reading.tokens)
    assert ids[0, 0] == pipeline.bos and ids[0, 1:].tolist() == token_ids(
        TEXT, pipeline.model.tokenizer, "text"
    )
    expected = assert_are_the_pipelines(tmp_path, pipeline, paths, reading.tokens)
    assert len(set(expected)) > 5  # not a constant that anything would equal


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_k_while_generating_is_the_pipelines(
    tmp_path: Path, free: SparsityMonitor, pipeline: Pipeline, paths: Paths, temperature: float
) -> None:
    def written(seed: int) -> Reading:
        return free.generate(f"{TEXT}{seed}", 120, temperature=temperature, seed=seed).finish()

    # The model may end a text early; which ones depends on the library's text, its tokenizer's.
    reading = next(
        reading
        for reading in map(written, range(25))
        if sum(token.is_generated for token in reading.tokens) == 120
    )
    assert reading.is_complete
    assert_are_the_pipelines(tmp_path, pipeline, paths, reading.tokens)


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
    """The alarms on calibration-like texts are those of the pipeline's own table."""
    limit = guarded.threshold
    assert limit is not None and limit.alarm == calibration.alarm
    rules = [Rule(own.statistic, own.n_tokens) for own in limit.limits]
    thresholds = np.array([own.threshold for own in limit.limits])
    n_alarms = 0
    for text in paragraphs()[:30]:
        reading = guarded.score(text)
        table = pd.DataFrame([vars(token) for token in reading.tokens])
        table["document"] = table["sequence"]
        ids = [ids_of(tuple(t for t in reading.tokens if t.sequence == s.sequence))
               for s in reading.sequences]  # fmt: skip
        table["is_bos"] = torch.cat([bos_mask(row, pipeline.bos)[0] for row in ids]).numpy()
        table["n_active"] = torch.cat([pipeline.n_active(row)[0] for row in ids]).numpy()
        values = document_levels(table, rules, limit.alarm.moving_length).values
        for item, row in zip(reading.sequences, values, strict=True):
            n_tokens = sum(token.sequence == item.sequence for token in reading.tokens) - 1
            reached = [at for at, rule in enumerate(rules) if rule.n_tokens <= n_tokens]
            assert [look.value for look in item.looks] == row[reached].tolist()
            assert item.is_above == (row > thresholds)[reached].any()
            assert item.is_promised == (
                item.sequence == 0
                or (item.sequence < limit.alarm.sequences_per_document and n_tokens == CONTEXT - 1)
            )
        promised = [item for item in reading.sequences if item.is_promised and item.looks]
        assert reading.alarm == (any(i.is_above for i in promised) if promised else None)
        n_alarms += bool(reading.alarm)
        for token in reading.tokens:
            assert token.is_scored == (token.position > 0 and token.id != pipeline.bos)
            own = [k for k in reading.tokens if k.sequence == token.sequence and k.is_scored
                   and k.position <= token.position]  # fmt: skip
            assert (token.level is None) == (not own)
        assert any(t.flagged for t in reading.tokens) == any(i.is_above for i in reading.sequences)
    assert 0 < n_alarms < 15


def test_an_alarm_is_raised_as_rarely_as_promised_on_whole_documents(
    guarded: SparsityMonitor,
) -> None:
    """Texts of two sequences, as the calibration saw them: rarely, though there are several looks
    at several sequences (the promise is 5 %; texts overlap with those of the calibration)."""
    texts = ["".join(paragraphs()[at : at + 2]) for at in range(0, 240, 6)]
    readings = [guarded.score(text) for text in texts]
    assert sum(bool(reading.alarm) for reading in readings) / len(readings) <= 0.15


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
    assert any("first 2 full sequences" in line for line in conditions(reading))
    assert [item.is_promised for item in reading.sequences[:4]] == [True, True, False, False]


@given(st.text(min_size=1, max_size=60))
def test_the_pieces_of_a_text_are_the_text(text: str) -> None:
    tokenizer = _tokenizer()
    pieces = Detokenizer(tokenizer)
    if not normal(text):
        return
    ids = token_ids(text, tokenizer, "text")
    assert "".join([pieces.add(token_id) for token_id in ids]) + pieces.rest() == normal(text)


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
def test_live_flags_add_up_to_the_alarms(tokens: list[tuple[int, int]], first: int) -> None:
    """Any mixture of ids (0 is BOS): a flag where a look is too high, and nowhere else."""
    recorder = Recorder(0, limit(("sequence_median", first, 12), ("sequence_median", 20, 9)), 64)
    recorder.start_sequence()
    recorder.add(0, 29, "")
    for token_id, k in tokens:
        recorder.add(token_id, k, "x")
    reading = recorder.reading(_watched())
    expected = {}
    for n_tokens, threshold in ((first, 12), (20, 9)):
        counts = [k for token_id, k in tokens[:n_tokens] if token_id != 0]
        if len(tokens) >= n_tokens:
            value = float(np.median(counts)) if counts else 0.0
            expected[n_tokens] = (value, value > threshold)
    found = {look.n_tokens: (look.value, look.is_above)
             for item in reading.sequences for look in item.looks}  # fmt: skip
    if reading.sequences:
        assert found == expected
        assert [t.position for t in reading.flagged] == [n for n, (_, is_above) in expected.items()
                                                         if is_above]  # fmt: skip
        assert reading.alarm == (any(a for _, a in expected.values()) if expected else None)


def test_a_text_that_ends_early_raises_no_alarm_that_its_continuation_would_not() -> None:
    rng = np.random.default_rng(0)
    own = limit(("sequence_q25", 4, 10), ("sequence_max", 9, 29), ("sequence_q25", 15, 9))
    for _ in range(60):
        recorder = Recorder(0, own, 16)
        recorder.start_sequence()
        recorder.add(0, 99, "")
        alarms = []
        for k in rng.integers(0, 31, 15):
            recorder.add(5, int(k), "x")
            alarms.append(bool(recorder.reading(_watched(context=16)).alarm))
        assert alarms == sorted(alarms)


def _recorded(lengths: list[int], own: Threshold, k: int = 5, loud: int | None = None) -> Reading:
    """A text of sequences of these lengths; the one numbered ``loud`` has many active atoms."""
    recorder = Recorder(0, own, 16)
    for number, length in enumerate(lengths):
        recorder.start_sequence()
        recorder.add(0, 99, "")
        for _ in range(length):
            recorder.add(5, 50 if number == loud else k, "x")
    return recorder.reading(_watched(context=16))


def test_the_promise_ends_with_the_calibrated_sequences() -> None:
    own = limit(("sequence_median", 4, 10), ("sequence_median", 15, 10), context=16)
    within = _recorded([15, 15], own, loud=1)
    assert within.alarm and within.above_beyond_promise == 0
    assert "1 of 2 sequences raise it" in verdict(within) and "promise ends" not in verdict(within)
    beyond = _recorded([15, 15, 15, 6], own, loud=2)
    assert [item.is_promised for item in beyond.sequences] == [True, True, False, False]
    assert beyond.alarm is False and beyond.above_beyond_promise == 1
    assert "of 2 further sequences, 1 is above a threshold" in verdict(beyond)
    assert any("first 2 full sequences of 15 tokens" in line for line in conditions(beyond))
    plain = as_dict(beyond)
    assert plain["alarm"] is False and plain["above_beyond_promise"] == 1
    assert [item["is_promised"] for item in plain["sequences"]] == [True, True, False, False]
    # A remainder that does not fill a sequence was never calibrated on, unless it is all there is.
    rest = _recorded([15, 6], own, loud=1)
    assert rest.alarm is False and rest.above_beyond_promise == 1
    only = _recorded([6], own, loud=0)
    assert only.alarm and "ends after 6 of the 15 tokens" in " ".join(conditions(only))


def test_a_text_that_ends_before_the_first_look_is_not_judged() -> None:
    own = limit(("sequence_median", 4, 10), ("sequence_median", 15, 10), context=16)
    short = _recorded([3], own, loud=0)
    assert short.alarm is None and short.flagged == ()
    assert verdict(short).startswith("Too short to judge: the text has 3 tokens, and the first look"
                                     " is after 4")  # fmt: skip


def test_beyond_the_context_nothing_is_looked_at() -> None:
    own = limit(("sequence_median", 4, 10), ("sequence_median", 15, 10), context=16)
    long = _recorded([40], own, k=5)
    assert [t.level for t in long.tokens[16:]] == [None] * 25
    assert len(long.sequences[0].looks) == 2 and long.sequences[0].n_scored == 40


def test_the_larger_thresholds_and_those_of_a_group_are_asked_for() -> None:
    own = limit(("sequence_median", 4, 10), ("sequence_median", 15, 10), context=16)
    assert _recorded([15], own, k=12).alarm
    larger = replace(own, with_confidence=True)
    reading = _recorded([15], larger, k=12)
    assert reading.alarm is False and reading.sequences[0].looks[0].threshold == 15
    assert "a stronger promise" in conditions(reading)
    assert "a promise" in conditions(_recorded([15], own))
    news = replace(own, group="news")
    assert any("25 documents of the group 'news'" in line
               for line in conditions(_recorded([15], news)))  # fmt: skip
    for group in ("few", "letters"):
        with pytest.raises(ConfigError, match=f"group '{group}'; there are some for: news"):
            replace(own, group=group)
    without = replace(own.alarm, limits=(replace(own.limits[0], threshold_with_confidence=None),))
    with pytest.raises(ConfigError, match="40 documents, which are too few"):
        Threshold(without, own.provenance, with_confidence=True)


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
    with pytest.raises(MismatchError, match="'deep' belongs to the model 'tiny', not to 'gpt9'"):
        find("deep", "gpt9", root=tmp_path)
    with pytest.raises(ConfigError, match="give only a probe, or a model and an SAE"):
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
        ("[]", "it holds a list"),
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
        ('{"schema": "guardrail/1"}', "'guardrail/1'.*`dvc repro measure_uncertainty` writes that"),
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
    path.write_text(
        json.dumps(content | {"alarm": content["alarm"] | {"confidence": float("inf")}})
    )
    with pytest.raises(ArtifactError, match=r"alarm\.confidence is inf, expected a finite number"):
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
    with pytest.raises(DataError, match=r"notes\.txt is not UTF-8 text: byte 7 is 0xff, on line 2"):
        text_of(b"a line\n\xff", "notes.txt")
    with pytest.raises(DataError, match="half a character"):
        token_ids("x\ud800", _tokenizer(), "text")


def test_an_alarm_can_end_a_generation(paths: Paths, free: SparsityMonitor) -> None:
    """With a look whose threshold is just below the value there, it ends at that look."""
    whole = free.generate("x = 1", 60, seed=1).finish()
    at = len(whole.tokens) - 30
    calm, value = whole.tokens[at - 10].level, whole.tokens[at].level
    assert calm is not None and value is not None
    about = free.watched
    own = limit(
        ("sequence_median", at - 10, calm + 0.5), ("sequence_median", at, value - 0.5),
        model=about.model, model_fingerprint=about.model_fingerprint, sae=about.sae,
        sae_fingerprint=about.sae_fingerprint, hook_name=about.hook_name, context=about.context,
    )  # fmt: skip
    monitor = SparsityMonitor.load("tiny", threshold=own, root=paths.root)
    stopped = monitor.generate("x = 1", 60, seed=1, stop_on_alarm=True).finish()
    assert [t.id for t in stopped.tokens] == [t.id for t in whole.tokens[: at + 1]]
    assert stopped.flagged == (stopped.tokens[-1],) and stopped.alarm
    assert f"after {at} tokens, above its threshold" in verdict(stopped)


def test_a_reading_tells_what_its_promise_is_worth(guarded: SparsityMonitor) -> None:
    said = " ".join(conditions(guarded.generate("x", 5).finish()))
    for part in ("at most 0.05", "less often", "text written by a model", "documents", "0.95"):
        assert part in said


def test_a_topk_sae_is_said_to_be_useless_here() -> None:
    recorder = Recorder(0, None, 16)
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
    with pytest.raises(ConfigError, match="must be 2 or more"):
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
