"""The tiny model and SAE as the pipeline exports them, and a threshold as it calibrates one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from semdim.artifacts.shards import write_json
from semdim.codes.encode import encode_rows
from semdim.forward.split import SplitModel
from semdim.models.export import export_model
from semdim.models.facts import read_facts
from semdim.models.load import load_model
from semdim.models.tiny import standard_library_text
from semdim.paths import Paths
from semdim.records import write_record
from semdim.saes.export import export_sae
from semdim.saes.facts import read_facts as read_sae_facts
from semdim.saes.load import load_sae
from semdim.settings import Settings, read_settings
from semdim.text.tokenizing import encode_batch
from semdim.tokens.sample import bos_mask
from semdim.uncertainty.alarm import calibrated_alarm
from semdim.uncertainty.guardrail import FixedRule, Guardrail, Provenance, WindowAlarm
from semdim.uncertainty.rows import generator, sequence_n_active, split_documents
from semdim.uncertainty.spec import UncertaintySpec
from stages.check_params import composed

CONTEXT = 64


def smoke_settings() -> Settings:
    """The settings of the smoke run."""
    return read_settings(yaml.safe_load(composed(["experiment=smoke"])))


def export_tiny(root: Path) -> Paths:
    """Model and SAE of the smoke run under ``root``."""
    settings, paths = smoke_settings(), Paths(root)
    export_model(settings.models["tiny"], paths.model("tiny"))
    export_sae(settings.probes["tiny"].sae, paths.sae("tiny"))
    write_hook(paths, "tiny", "tiny")
    return paths


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
    ledger = pd.DataFrame(
        {
            "document": np.repeat(np.arange(n_sequences), context),
            "sequence": np.repeat(np.arange(n_sequences), context),
            "position": np.tile(np.arange(context), n_sequences),
            "is_bos": bos_mask(ids, pipeline.bos).flatten().numpy(),
            "n_active": pipeline.n_active(ids).flatten().numpy(),
        }
    )
    table = sequence_n_active(ledger, spec.window)
    split = split_documents(table["document"].to_numpy(), spec.fit_share, generator(0, "split"))
    alarm, moving = (
        calibrated_alarm(table, {}, split, statistic, spec, 0)
        for statistic in ("max_n_active", "window_n_active")
    )
    model, sae = read_facts(paths.model("tiny")), read_sae_facts(paths.sae("tiny"))
    return Guardrail(
        **vars(alarm),
        window=WindowAlarm(**vars(moving), length=spec.window),
        fixed_rule=FixedRule(f"n_active > {spec.fixed_threshold}", spec.fixed_threshold, ()),
        provenance=Provenance(
            probe="tiny", model=model.name, model_fingerprint=model.fingerprint, sae=sae.name,
            sae_fingerprint=sae.fingerprint, hook_name=sae.hook_name, splice="no_bos",
            context=context, compute_dtype="float32",
        ),
    )  # fmt: skip


def write_guardrail(path: Path, guardrail: Guardrail, **provenance: Any) -> Path:
    """Write it, with other provenance if asked for."""
    assert guardrail.provenance is not None
    changed = replace(guardrail.provenance, **provenance)
    write_record(path, replace(guardrail, provenance=changed))
    return path
