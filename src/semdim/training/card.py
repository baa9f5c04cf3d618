"""The README that goes with an SAE: everything a user has to know before trusting it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semdim.models.facts import ModelFacts
from semdim.text.spec import CorpusSpec, TextSpec
from semdim.training.params import TrainingSettings

TEMPLATE = """\
# {name}

A sparse autoencoder of the residual stream of `{model_name}` at `{hook_name}`, trained by semdim's
own recipe (`stages/train_sae.py`, `docs/training.md`).

```python
from sae_lens import SAE

sae = SAE.load_from_disk("models/sae/{name}")  # no network needed
```

| | |
|---|---|
| architecture | {architecture} |
| dictionary | {dict_size:,} atoms of unit norm, over {d_model} dimensions |
| input | raw activations: {input} is folded into the weights |
| windows | {context} tokens, {bos} |
| target | {n_active:g} active atoms per token |
| file | matrices in float16, vectors in float32; SAELens reads all into float32 |

## Training

{training}

## Measures

{measures}

Position 0 is left out everywhere, and norm outliers (beyond ten median norms) are left out of the
explained variance. The gap is taken per sequence, on losses in bits per token that are not
smoothed, with the SAE spliced in at every position but BOS (`splice: no_bos`), all in float32.

{saelens}{notes}
## Limits

- Position 0 and norm outliers were **not** trained on. Position 0 is an attention sink with a norm
  about a hundred times the median; let BOS through (`no_bos`).
- It knows the register of its training text (named above), in English and without code; text of
  another kind has other counts of active atoms and a larger gap.
- Windows of {context} tokens from the head of documents: later positions of longer contexts are out
  of its experience.
- The model's weights are what its package carries (quantised to about 4 bits, read as float32).
- It has seen {n_tokens_seen:,} activations; public SAEs of this size saw hundreds of millions.

## Retrain

```
{command}
```
"""

SAELENS = """\
The same from SAELens (`sae_lens.evals.run_evals`, BOS left out, outliers counted in, losses in bits
per token, on the first sequences of each text):

{table}
"""

ARCHITECTURES = {
    "batchtopk": "BatchTopK, saved as JumpReLU with one threshold",
    "standard": "ReLU with an L1 penalty, saved as JumpReLU with one threshold",
    "gated": "gated",
    "topk": "TopK (constant number of active atoms)",
}
INPUTS = {
    "scaled": "the scaling to norm √d",
    "per_dimension": "the division of each dimension by its standard deviation, in which it was "
    "trained,",
    "sensitivity": "the weighting of each dimension by how much the loss depends on it, in which "
    "it was trained,",
    "whitened": "the whitening, in which it was trained,",
}
LABELS = {
    "n_tokens": "tokens",
    "n_documents": "documents",
    "mean_n_active": "mean active atoms per token (L0)",
    "std_n_active": "their standard deviation",
    "explained_variance": "explained variance",
    "explained_variance_with_outliers": "explained variance, outliers counted in",
    "n_outliers": "norm outliers",
    "loss": "loss of the model, bits per token",
    "abs_gap": "mean absolute loss gap, bits per token",
    "signed_gap": "mean signed gap (model − spliced), bits per token",
    "silent_share": "share of atoms that fire nowhere in this text",
}
SAELENS_LABELS = {
    "n_tokens": "tokens",
    "l0": "L0",
    "explained_variance": "explained variance",
    "cosine_similarity": "cosine similarity",
    "loss": "loss without the SAE",
    "loss_with_sae": "loss with the SAE",
    "ce_loss_score": "cross-entropy score (1: the SAE costs nothing, 0: as zero ablation)",
}


def write_card(
    settings: TrainingSettings,
    facts: ModelFacts,
    record: Mapping[str, Any],
    notes: str = "",
) -> str:
    """The text of README.md, from the settings and what the run recorded."""
    data, dictionary, optimiser = settings.data, settings.dictionary, settings.optimiser
    training = {
        "text": f"{record['n_windows']:,} windows of {record['n_documents']:,} documents of "
        + text_line(settings.text),
        "threshold set on": "the documents held out"
        if settings.calibration is None
        else f"{record['n_calibration_tokens']:,} tokens of {text_line(settings.calibration)}",
        "held out": f"{record['n_documents_held_out']:,} other documents (silent atoms)",
        "activations seen": record["n_tokens_seen"],
        "steps": record["n_steps"],
        "training time": f"{duration(record['seconds'])}, with the activations that were "
        "not on disk yet",
        "machine": record["machine"],
        "model in": data.prefix_dtype,
        "learning rate": f"{optimiser.learning_rate:g}, warm-up {optimiser.warm_up_share:.0%}, "
        f"linear decay over the last {optimiser.decay_share:.0%}",
        "batch": f"{optimiser.batch_tokens:,} tokens",
        "auxiliary loss": f"{dictionary.aux_coefficient:g}",
        "dead at the end of training": f"{record['dead_in_training']} atoms "
        f"(silent for {dictionary.dead_after_tokens:,} tokens)",
        "silent on all held-out training text": f"{record['silent_share_held_out']:.2%}",
    }
    run = settings.name
    return TEMPLATE.format(
        name=settings.name,
        model_name=facts.name,
        hook_name=settings.hook_name,
        architecture=ARCHITECTURES[dictionary.architecture],
        input=INPUTS[dictionary.input],
        dict_size=dictionary.dict_size,
        d_model=facts.d_model,
        context=data.context,
        bos="BOS first" if data.prepend_bos else "no BOS",
        n_active=dictionary.n_active,
        training=table(training),
        measures=measures_table(record["measures"], LABELS),
        saelens=SAELENS.format(table=measures_table(record["saelens"], SAELENS_LABELS))
        if record["saelens"]
        else "",
        notes=f"\n{notes}\n" if notes else "",
        n_tokens_seen=record["n_tokens_seen"],
        command=f"python -m stages.train_sae --write training/run={run} text.path=PATH\n"
        "dvc repro training/dvc.yaml",
    )


def duration(seconds: float) -> str:
    """Seconds below two minutes, else minutes."""
    return f"{seconds:g} seconds" if seconds < 120 else f"{seconds / 60:.1f} minutes"


def text_line(spec: CorpusSpec) -> str:
    """A corpus in a phrase: where its text is, and which part of it is used."""
    where = f"`{Path(spec.place).name}`"
    if not isinstance(spec, TextSpec):
        return where
    only = f", only {_patterns(spec.only)}" if spec.only else ""
    return where + only + (f", without {_patterns(spec.exclude)}" if spec.exclude else "")


def _patterns(patterns: tuple[str, ...]) -> str:
    return ", ".join(f"`{pattern}`" for pattern in patterns)


def table(rows: Mapping[str, Any]) -> str:
    """A Markdown table of two columns."""
    lines = ["| | |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {_text(value)} |" for name, value in rows.items()])


def measures_table(measures: Mapping[str, Mapping[str, Any]], labels: Mapping[str, str]) -> str:
    """A Markdown table with a column for each text."""
    head = "| | " + " | ".join(measures) + " |"
    rule = "|---|" + "---|" * len(measures)
    rows = [
        f"| {label} | " + " | ".join(_text(column[key]) for column in measures.values()) + " |"
        for key, label in labels.items()
    ]
    return "\n".join([head, rule, *rows])


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
