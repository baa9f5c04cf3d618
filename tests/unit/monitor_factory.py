"""The tiny model and SAE as the pipeline exports them, and a threshold as it calibrates one."""

import copy
import functools
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from semdim.artifacts.shards import write_json
from semdim.bounds.selective_risk import ASSUMPTIONS, SOURCE
from semdim.codes.encode import encode_rows
from semdim.forward.split import SplitModel
from semdim.models.export import export_model
from semdim.models.facts import read_facts
from semdim.models.load import load_model
from semdim.models.tiny import standard_library_text
from semdim.monitor.reading import Reading
from semdim.monitor.recorder import Recorder
from semdim.monitor.threshold import Threshold, Watched
from semdim.paths import Paths
from semdim.records import write_record
from semdim.results.risk_thresholds import (
    LOSSES,
    UNITS,
    Elsewhere,
    RiskCurve,
    RiskPoint,
    RiskThresholds,
)
from semdim.saes.export import export_sae
from semdim.saes.facts import read_facts as read_sae_facts
from semdim.saes.load import load_sae
from semdim.settings import Settings, read_settings
from semdim.text.tokenizing import encode_batch
from semdim.tokens.sample import bos_mask
from semdim.uncertainty.alarm import guardrail
from semdim.uncertainty.guardrail import (
    Alarm,
    FixedRule,
    GroupLimits,
    Guardrail,
    Limit,
    Provenance,
)
from semdim.uncertainty.rows import check_tokens, generator, split_documents
from semdim.uncertainty.spec import UncertaintySpec
from stages.check_params import composed

CONTEXT = 64


@functools.cache
def smoke_settings() -> Settings:
    """The settings of the smoke run."""
    return read_settings(yaml.safe_load(composed(["experiment=smoke"])))


@functools.cache
def _exported() -> tempfile.TemporaryDirectory[str]:
    """Model and SAE of the smoke run, made once for all tests of a process."""
    folder = tempfile.TemporaryDirectory(prefix="tiny-exports-")
    settings, paths = smoke_settings(), Paths(Path(folder.name))
    export_model(settings.models["tiny"], paths.model("tiny"))
    export_sae(settings.probes["tiny"].sae, paths.sae("tiny"))
    write_hook(paths, "tiny", "tiny")
    return folder


def export_tiny(root: Path) -> Paths:
    """A copy of model and SAE of the smoke run under ``root``."""
    shutil.copytree(_exported().name, root, dirs_exist_ok=True)
    return Paths(root)


def write_hook(paths: Paths, probe: str, model: str) -> None:
    """The hook.json of an exported SAE, which says where which model is cut."""
    sae = read_sae_facts(paths.sae(probe))
    write_json(
        paths.hook(probe),
        {"model": model, "hook_name": sae.hook_name, "processing": sae.processing.as_dict()},
    )


class Pipeline:
    """What the stages cache_activations and encode_codes compute, in memory."""

    def __init__(self, paths: Paths, model: str = "tiny") -> None:
        sae_facts = read_sae_facts(paths.sae(model))
        self.model = load_model(paths.model(model), processing=sae_facts.processing)
        self.split = SplitModel(self.model, sae_facts.hook_name)
        self.sae = load_sae(paths.sae(model))
        self.bos = read_facts(paths.model(model)).bos_token_id

    def n_active(self, token_ids: torch.Tensor) -> torch.Tensor:
        """k of each token of ``token_ids`` [S, T]."""
        activation = self.split.prefix(token_ids)
        codes = encode_rows(self.sae, activation.flatten(0, 1), 1000)
        return codes.n_active.view(token_ids.shape)

    def n_active_but_for_rounding(
        self, token_ids: torch.Tensor, rounding: float = 1e-5
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The least and the most k of each token that ``rounding`` of a pre-activation allows:
        processors add the products of one row in another order than those of many."""
        activation, found = self.split.prefix(token_ids).flatten(0, 1), []
        for change in (rounding, -rounding):
            sae = copy.deepcopy(self.sae)
            sae.threshold += change
            found.append(encode_rows(sae, activation, 1000).n_active.view(token_ids.shape))
        return found[0], found[1]

    def sequences(self, lines: list[str], context: int) -> torch.Tensor:
        """One sequence from each text that is long enough."""
        rows = []
        for ids, _ in encode_batch(lines, self.model.tokenizer, None):
            if len(ids) >= context - 1:
                rows.append([self.bos, *ids[: context - 1]])
        return torch.tensor(rows)


def paragraphs(n_lines: int = 12) -> list[str]:
    """Pieces of the standard library."""
    lines = list(standard_library_text())
    return ["".join(lines[at : at + n_lines]) for at in range(0, len(lines), n_lines)]


def calibrated(paths: Paths, spec: UncertaintySpec, context: int = CONTEXT) -> Guardrail:
    """A guardrail of the pipeline's own functions, without any shift."""
    pipeline = Pipeline(paths)
    ids = pipeline.sequences(paragraphs(), context)
    n_sequences = len(ids)
    number = np.repeat(np.arange(n_sequences), context)
    ledger = pd.DataFrame(
        {
            # Every third document has two sequences.
            "document": np.where(number % 4 == 3, number - 1, number),
            "sequence": number,
            "position": np.tile(np.arange(context), n_sequences),
            "token_id": ids.flatten().numpy(),
            "is_bos": bos_mask(ids, pipeline.bos).flatten().numpy(),
            "is_outlier": False,
            "n_active": pipeline.n_active(ids).flatten().numpy(),
        }
    )
    tokens = check_tokens(ledger, "english")
    split = split_documents(tokens["document"].to_numpy(), spec.fit_share, generator(0, "split"))
    rule = FixedRule(f"n_active > {spec.fixed_threshold}", spec.fixed_threshold, ())
    source = Provenance(splice="no_bos", compute_dtype="float32", **tiny_provenance(paths, context))
    return replace(guardrail(tokens, {}, {}, split, rule, spec, 0), provenance=source)


def limit(
    *thresholds: tuple[str, int, float],
    sequences: int = 2,
    group: str | None = None,
    **provenance: Any,
) -> Threshold:
    """A threshold by hand: statistic, tokens and value of each look; the larger one is 5 more."""
    limits = tuple(Limit(name, n, float(value), value + 5.0) for name, n, value in thresholds)
    facts: dict[str, Any] = {
        "probe": "p", "model": "m", "model_fingerprint": "a" * 64, "sae": "s",
        "sae_fingerprint": "b" * 64, "hook_name": "blocks.1.hook_resid_post", "splice": "no_bos",
        "context": 64, "compute_dtype": "float32",
    }  # fmt: skip
    alarm = Alarm(
        rule="alarm when something is too high", limits=limits, moving_length=8,
        sequences_per_document=sequences, false_alarm_rate=0.05, confidence=0.95,
        false_alarm_rate_given_calibration=0.08, guarantee="a promise",
        guarantee_with_confidence="a stronger promise", n_choice=20, n_calibration=40, rank=39,
        rank_with_confidence=40,
        groups={"news": GroupLimits(25, limits), "few": GroupLimits(3, ())},
        token_quantiles={"5": 1.0, "25": 4.0, "50": 8.0, "75": 12.0, "95": 16.0, "99": 20.0},
    )  # fmt: skip
    return Threshold(alarm, Provenance(**facts | provenance), False, group)


def write_guardrail(path: Path, content: Guardrail, **provenance: Any) -> Path:
    """Write it, with other provenance if asked for."""
    assert content.provenance is not None
    changed = replace(content.provenance, **provenance)
    write_record(path, replace(content, provenance=changed))
    return path


def reading(
    *, threshold: bool = True, n_tokens: int = 90, is_complete: bool = True, n_promised: int = 2
) -> Reading:
    """A reading with an alarm, an outlier, line breaks, markup and two sequences."""
    watched = Watched(
        model="m", model_fingerprint="a" * 64, sae="s", sae_fingerprint="b" * 64,
        hook_name="blocks.1.hook_resid_post", splice="no_bos", context=64, dict_size=128,
        compute_dtype="float32", constant_n_active=False,
    )  # fmt: skip
    own = limit(
        ("sequence_median", 16, 30), ("sequence_median", 48, 9), ("sequence_median", 63, 40),
        sequences=n_promised,
    )  # fmt: skip
    recorder = Recorder(0, own if threshold else None, 64)
    words = ["word ", "<b>", "</script>", "naïve ", "漢", "\n", "\x00", "", '"quoted" ', "{{ x }} "]
    for at in range(n_tokens):
        if at % 64 == 0:
            recorder.start_sequence()
            recorder.add(0, 100, "<|bos|>")
        elif at == 30:
            recorder.add(5, 7000, "outlier ")
        else:
            k = 25 + at % 3 if 40 <= at < 55 else at * 7 % 20
            recorder.add(5, k, words[at % len(words)], is_generated=at > 70)
    return recorder.reading(watched, is_complete)


def risk_file(
    *thresholds: tuple[float, float | None],
    score: str = "entropy",
    outcome: str = "top1_error",
    lets_through: str = "at most",
    sequences: int = 2,
    **provenance: Any,
) -> RiskThresholds:
    """A risk_thresholds.json by hand: target risk and threshold of each point."""
    elsewhere = {"python": Elsewhere("shifted", 0.6, 0.5, 30, 1800)}
    points = tuple(
        RiskPoint(risk, tau, 0.0 if tau is None else 0.3, None if tau is None else 0.9 * risk,
                  0.0 if tau is None else 0.35, {} if tau is None else elsewhere)
        for risk, tau in thresholds
    )  # fmt: skip
    is_top1 = outcome == "top1_error"
    curve = RiskCurve(
        outcome=outcome, loss=LOSSES[outcome], unit=UNITS[outcome], low=0.0 if is_top1 else 1.0,
        high=1.0 if is_top1 else 9.0, smoothing=None if is_top1 else 0.5,
        lets_through=lets_through, failure_prob=0.05, n_documents=40, n_tokens=5000,
        n_design_documents=41, points=points,
    )  # type: ignore[arg-type] # fmt: skip
    return RiskThresholds(
        score=score, meaning="a score", corpus="english", sequences_per_document=sequences,
        curves=(curve,), assumptions=ASSUMPTIONS, source=SOURCE,
        provenance=replace(limit(("sequence_median", 8, 9.0)).provenance, **provenance),
    )  # fmt: skip


def tiny_provenance(paths: Paths, context: int = CONTEXT) -> dict[str, Any]:
    """What a threshold for the exports of the tiny model says of itself."""
    model, sae = read_facts(paths.model("tiny")), read_sae_facts(paths.sae("tiny"))
    return {
        "probe": "tiny", "model": model.name, "model_fingerprint": model.fingerprint,
        "sae": sae.name, "sae_fingerprint": sae.fingerprint, "hook_name": sae.hook_name,
        "context": context,
    }  # fmt: skip
