"""compute_losses: the loss of one proxy at each token; the suffix starts at the cache."""

from semdim.artifacts.shards import Artifact
from semdim.engine.losses import compute_losses, n_shards_of
from semdim.engine.names import parse_proxy
from semdim.engine.proxies import Reconstructor
from semdim.engine.sample import load_tokens
from semdim.engine.split import SplitModel
from semdim.models.facts import read_facts
from semdim.models.load import load_model
from semdim.models.spec import WeightProcessing
from semdim.progress import progress_bar
from semdim.saes.load import load_decoder
from semdim.text.samples import count_sequences
from stages.common import Run, read_json, say, stage


@stage
def main(run: Run) -> None:
    paths, model, corpus, engine = run.paths, run.model, run.corpus, run.settings.engine
    proxy = parse_proxy(run.unit.proxy or "", run.settings.splice)
    device = engine.start()
    out = paths.losses(model, corpus, proxy.name)
    activations = Artifact.open(paths.activations(model, corpus))
    codes = Artifact.open(paths.codes(model, corpus))
    decoder = load_decoder(paths.sae(model))
    inputs = [activations.folder / "manifest.json", codes.folder / "manifest.json"]
    order = None
    if proxy.kind == "pool":
        order = Artifact.open(paths.atom_order(model)).read(0)["order"]
        inputs.append(paths.atom_order(model) / "manifest.json")
    reconstruct = Reconstructor(
        proxy,
        decoder.weight.to(device),
        decoder.bias.to(device),
        seed=run.settings.seed,
        atom_order=order,
    )
    token_ids, _ = load_tokens(paths.tokens(model, corpus))
    n_tokens = run.settings.grid.n_tokens(proxy.name, token_ids.numel())
    token_ids = token_ids[: count_sequences(n_tokens, token_ids.shape[1])]
    writer = run.writer(
        out,
        inputs=inputs,
        params={
            "proxy": proxy.name,
            "splice": proxy.splice,
            "seed": run.settings.seed,
            "n_sequences": len(token_ids),
        },
        n_shards=n_shards_of(len(token_ids), activations),
    )
    hook = read_json(paths.hook(model))
    loaded = load_model(
        paths.model(model),
        dtype=engine.dtype,
        device=device,
        processing=WeightProcessing(**hook["processing"]),
    )
    with progress_bar(total=token_ids.numel(), desc=f"{model} {proxy.name} on {corpus}") as bar:
        compute_losses(
            SplitModel(loaded, hook["hook_name"]),
            reconstruct,
            token_ids,
            activations,
            codes,
            writer,
            bos_token_id=read_facts(paths.model(model)).bos_token_id,
            batch_sequences=engine.batch_sequences,
            update=bar.update,
        )
    writer.publish({"proxy": proxy.name, "kind": proxy.kind, "splice": proxy.splice})
    say(f"losses of {proxy.name} at {token_ids.numel()} tokens -> {out}")


if __name__ == "__main__":
    main()
