"""measure_uncertainty: Table 1, the out-of-distribution study, the guardrail, from tables."""

from semdim.artifacts.shards import write_json
from semdim.ledger.table import read_ledger, read_table
from semdim.results.write import setup_facts
from semdim.uncertainty.join import join_scores
from semdim.uncertainty.scores import ALL_SCORES
from semdim.uncertainty.study import run_study
from stages.common import Run, say, stage

PROVENANCE = (
    "model", "model_fingerprint", "sae", "sae_fingerprint", "hook_name", "splice", "context",
    "compute_dtype",
)  # fmt: skip


@stage
def main(run: Run) -> None:
    paths, model, settings = run.paths, run.model, run.settings
    read = {name: read_ledger(paths.ledger(model, name)) for name in settings.grid.corpus}
    facts = {name: of_table for name, (_, of_table) in read.items()}
    sample = facts[settings.grid.sample]
    scores = {name: read_table(paths.scores(model, name)) for name in read}
    roles = {name: settings.corpora[name].role for name in read}
    study = run_study(
        {name: join_scores(read[name][0], table, name) for name, (table, _) in scores.items()},
        roles,
        settings.uncertainty,
        settings.seed,
        vocab_size=sample["vocab_size"],
        document_names={name: of_table["documents"] for name, of_table in facts.items()},
        scores=ALL_SCORES,
        activation_fit=scores[settings.grid.sample][1]["activation_fit"],
    )
    folder = run.results
    study.write(folder, {key: sample[key] for key in PROVENANCE})
    engine = {"batch_sequences": settings.engine.batch_sequences}
    described = {name: {**of_table, "role": roles[name]} for name, of_table in facts.items()}
    write_json(folder / "setup.json", setup_facts(described, settings.grid.sample, engine))
    for note in study.verdict["warnings"]:
        say(f"note: {note}")
    inside = study.sparsity[study.sparsity["positions"] == "without_bos"]
    statistics = {
        row["corpus"]: {name: round(float(row[name]), 4) for name in ("mean", "std", "max")}
        for _, row in inside.iterrows()
    }
    write_json(folder / "sparsity.json", statistics)
    with run.tracked("measure_uncertainty") as tracked:
        tracked.table("sparsity", study.sparsity)
        tracked.table("uncertainty", study.uncertainty)
        tracked.numbers({"n_active": statistics})
        tracked.files(f"{model}-ledgers", "ledger", [paths.ledger(model, name) for name in read])
    say(inside.to_string(index=False))


if __name__ == "__main__":
    main()
