"""The part of order_atoms that needs the model: what the loss owes to each atom."""

from torch import Tensor

from semdim.artifacts.shards import Artifact
from semdim.atoms.counts import shards
from semdim.atoms.importance import ablation_importance
from semdim.models.facts import read_facts
from semdim.progress import progress_bar
from semdim.proxies.names import parse_proxy
from semdim.proxies.reconstruct import Reconstructor
from semdim.saes.load import load_decoder
from semdim.tokens.sample import load_tokens
from stages.common import Run
from stages.loading import load_split, open_activations


def importance(run: Run, chosen: Tensor) -> Tensor:
    """Estimated rise of the loss without each atom, on the chosen sequences of the sample."""
    paths, model, sample, engine = (
        run.paths,
        run.model,
        run.settings.grid.sample,
        run.settings.engine,
    )
    device = engine.start()
    split = load_split(run, device)
    decoder = load_decoder(paths.sae(model))
    token_ids, _ = load_tokens(paths.tokens(model, sample))
    parts = shards(
        token_ids,
        chosen,
        Artifact.open(paths.codes(model, sample)),
        len(decoder.weight),
        read_facts(paths.model(model)).bos_token_id,
        open_activations(run, sample, split),
    )
    with progress_bar(total=token_ids.numel(), desc=f"{model} importance of atoms") as bar:
        return ablation_importance(
            split,
            Reconstructor(
                parse_proxy("sae", run.settings.splice),
                decoder.weight.to(device),
                decoder.bias.to(device),
                seed=run.settings.seed,
            ),
            parts,
            batch_sequences=engine.batch_sequences,
            update=bar.update,
        )
