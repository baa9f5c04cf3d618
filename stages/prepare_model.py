"""prepare_model: hub id, local folder, or GGUF in a package -> clean safetensors and tokenizer."""

from semdim.models.export import export_model
from stages.common import Run, say, stage


@stage
def main(run: Run) -> None:
    out = run.paths.model(run.model)
    facts = export_model(run.settings.models[run.model].source, out)
    say(
        f"{facts.name}: {facts.n_layers} layers, width {facts.d_model}, "
        f"{facts.vocab_size} tokens in the vocabulary -> {out}"
    )


if __name__ == "__main__":
    main()
