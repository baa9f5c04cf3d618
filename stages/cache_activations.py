"""cache_activations: tokens -> activations at the SAE's hook point; the prefix is run once."""

from semdim.engine.activations import cache_activations
from semdim.engine.sample import check_token_ids, load_tokens, shard_ranges
from semdim.engine.split import SplitModel
from semdim.models.facts import read_facts
from semdim.models.load import load_model
from semdim.models.spec import WeightProcessing
from semdim.progress import progress_bar
from stages.common import Run, read_json, say, stage


@stage
def main(run: Run) -> None:
    paths, model, corpus, engine = run.paths, run.model, run.corpus, run.settings.engine
    device = engine.start()
    tokens, out = paths.tokens(model, corpus), paths.activations(model, corpus)
    token_ids, _ = load_tokens(tokens)
    check_token_ids(token_ids, read_facts(paths.model(model)).vocab_size, str(tokens))
    hook = read_json(paths.hook(model))
    writer = run.writer(
        out,
        inputs=[tokens / "manifest.json", paths.model(model) / "facts.json", paths.hook(model)],
        params={"compute_dtype": engine.compute_dtype, "shard_sequences": engine.shard_sequences},
        n_shards=len(shard_ranges(len(token_ids), engine.shard_sequences)),
    )
    loaded = load_model(
        paths.model(model),
        dtype=engine.dtype,
        device=device,
        processing=WeightProcessing(**hook["processing"]),
    )
    with progress_bar(total=token_ids.numel(), desc=f"{model} prefix on {corpus}") as bar:
        cache_activations(
            SplitModel(loaded, hook["hook_name"]),
            token_ids,
            writer,
            shard_sequences=engine.shard_sequences,
            batch_sequences=engine.batch_sequences,
            update=bar.update,
        )
    writer.publish({"hook_name": hook["hook_name"], "compute_dtype": engine.compute_dtype})
    say(f"{token_ids.numel()} tokens at {hook['hook_name']} -> {out}")


if __name__ == "__main__":
    main()
