"""encode_codes: activations -> sparse codes of the SAE.

With ``engine.store_codes=false`` nothing is computed here: every stage that needs codes computes
them again, and compute_losses keeps what the ledger says of them.
"""

from semdim.activations.stored import n_tokens_of
from semdim.artifacts.shards import MANIFEST
from semdim.codes.encode import encode_codes
from semdim.saes.facts import read_facts
from semdim.workers.job import Work
from stages.support.cached_activations import cached_activations
from stages.support.codes import load_encoding
from stages.support.load import open_activations, start_engine
from stages.support.run import Run, say
from stages.support.shardwise import Step, compute
from stages.support.startup import stage


def load(run: Run) -> Work:
    """The SAE, and the model where it has to compute the activations again."""
    device = start_engine(run)
    activations = open_activations(run, run.corpus)
    encoding = load_encoding(run, device, activations)
    return lambda writers, update: encode_codes(encoding, activations, writers[0], update=update)


@stage
def main(run: Run) -> None:
    folder = run.paths.sae(run.probe)
    activations, facts = cached_activations(run, run.corpus), read_facts(folder)
    stored, n_tokens = run.setting("engine.store_codes"), n_tokens_of(activations)
    writer = run.writer(
        run.paths.codes(run.probe, run.corpus),
        inputs=[activations.folder / MANIFEST, folder / "facts.json"],
        params={} if stored else {"stored": False},
        n_shards=len(activations) if stored else 0,
    )
    compute(run, f"{run.probe} codes of {run.corpus}", Step(load, ((writer, n_tokens),)))
    published = {"dict_size": facts.dict_size, "sae": facts.fingerprint}
    writer.publish(published if stored else published | {"stored": False})
    what = "" if stored else ", computed where they are needed"
    say(f"{n_tokens} tokens over {facts.dict_size} atoms{what} -> {writer.final}")


if __name__ == "__main__":
    main()
