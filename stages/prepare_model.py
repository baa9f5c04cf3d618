"""prepare_model: hub id, local folder, or GGUF in a package -> clean safetensors and tokenizer,
compared with the plain model of transformers."""

from semdim.models.export import export_model
from semdim.models.spec import ModelSource
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    out = run.paths.model(run.model)
    source = ModelSource.from_mapping(run.source("models", run.model))
    facts = export_model(source, out, context=run.setting("tokens.context"))
    say(
        f"{facts.name}: {facts.n_layers} layers, width {facts.d_model}, {facts.vocab_size} tokens "
        f"in the vocabulary; equal to transformers at {facts.compared_tokens} tokens -> {out}"
    )
    for backend, reason in facts.refused.items():
        say(f"note: engine.backend={backend} is refused for it: {reason}")


if __name__ == "__main__":
    main()
