"""encode_codes: activations -> sparse codes of the SAE."""

import math

from semdim.codes.encode import encode_codes
from semdim.progress import progress_bar
from semdim.saes.facts import read_facts as read_sae_facts
from semdim.saes.load import load_decoder, load_sae
from stages.common import Run, say, stage
from stages.loading import open_activations


@stage
def main(run: Run) -> None:
    paths, model, corpus, engine = run.paths, run.model, run.corpus, run.settings.engine
    device = engine.start()
    folder, out = paths.sae(model), paths.codes(model, corpus)
    activations = open_activations(run, corpus)
    facts = read_sae_facts(folder)
    writer = run.writer(
        out,
        inputs=[activations.folder / "manifest.json", folder / "facts.json"],
        params={},
        n_shards=len(activations),
    )
    decoder = load_decoder(folder)
    shapes = [activations.shape(index, "activation")[:2] for index in range(len(activations))]
    n_tokens = sum(map(math.prod, shapes))
    with progress_bar(total=n_tokens, desc=f"{model} codes of {corpus}") as bar:
        encode_codes(
            load_sae(folder, device=device),
            decoder.weight.to(device),
            decoder.bias.to(device),
            activations,
            writer,
            batch_rows=engine.batch_sequences * shapes[0][1],
            device=device,
            update=bar.update,
        )
    writer.publish({"dict_size": facts.dict_size, "sae": facts.fingerprint})
    say(f"{n_tokens} tokens over {facts.dict_size} atoms -> {out}")


if __name__ == "__main__":
    main()
