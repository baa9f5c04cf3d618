"""encode_codes: activations -> sparse codes of the SAE."""

import math

from semdim.artifacts.shards import MANIFEST
from semdim.codes.encode import encode_codes
from semdim.progress import progress_bar
from semdim.saes.facts import read_facts
from semdim.saes.load import load_decoder, load_sae
from stages.support.load import open_activations, start_engine
from stages.support.run import Run, say
from stages.support.startup import stage
from stages.support.timed import timed


@stage
def main(run: Run) -> None:
    device, folder = start_engine(run), run.paths.sae(run.probe)
    activations, facts = open_activations(run, run.corpus), read_facts(folder)
    writer = run.writer(
        run.paths.codes(run.probe, run.corpus),
        inputs=[activations.folder / MANIFEST, folder / "facts.json"],
        params={},
        n_shards=len(activations),
    )
    decoder = load_decoder(folder).to(device)
    shapes = [activations.shape(index, "activation")[:2] for index in range(len(activations))]
    n_tokens = sum(map(math.prod, shapes))
    with (
        progress_bar(total=n_tokens, desc=f"{run.probe} codes of {run.corpus}") as bar,
        timed(run, (writer, n_tokens)),
    ):
        encode_codes(
            load_sae(folder, device=device),
            decoder.weight,
            decoder.bias,
            activations,
            writer,
            batch_rows=run.setting("engine.batch_sequences") * shapes[0][1],
            device=device,
            update=bar.update,
        )
    writer.publish({"dict_size": facts.dict_size, "sae": facts.fingerprint})
    say(f"{n_tokens} tokens over {facts.dict_size} atoms -> {writer.final}")


if __name__ == "__main__":
    main()
