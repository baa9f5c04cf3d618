"""encode_codes: activations -> sparse codes of the SAE."""

from semdim.activations.stored import n_tokens_of
from semdim.artifacts.shards import MANIFEST
from semdim.codes.encode import encode_codes
from semdim.saes.facts import read_facts
from semdim.saes.load import load_decoder, load_sae
from semdim.workers.job import Work
from stages.support.load import cached_activations, open_activations, start_engine
from stages.support.run import Run, say
from stages.support.shardwise import Step, compute
from stages.support.startup import stage


def load(run: Run) -> Work:
    """The SAE, and the model where it has to compute the activations again."""
    device, folder = start_engine(run), run.paths.sae(run.probe)
    sae, decoder = load_sae(folder, device=device), load_decoder(folder).to(device)
    activations = open_activations(run, run.corpus)
    rows = run.setting("engine.batch_sequences") * activations.shape(0, "activation")[1]
    return lambda writers, update: encode_codes(
        sae, decoder.weight, decoder.bias, activations, writers[0],
        batch_rows=rows, device=device, update=update,
    )  # fmt: skip


@stage
def main(run: Run) -> None:
    folder = run.paths.sae(run.probe)
    activations, facts = cached_activations(run, run.corpus), read_facts(folder)
    n_tokens = n_tokens_of(activations)
    writer = run.writer(
        run.paths.codes(run.probe, run.corpus),
        inputs=[activations.folder / MANIFEST, folder / "facts.json"],
        params={},
        n_shards=len(activations),
    )
    compute(run, f"{run.probe} codes of {run.corpus}", Step(load, ((writer, n_tokens),)))
    writer.publish({"dict_size": facts.dict_size, "sae": facts.fingerprint})
    say(f"{n_tokens} tokens over {facts.dict_size} atoms -> {writer.final}")


if __name__ == "__main__":
    main()
