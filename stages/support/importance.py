"""The part of order_atoms that needs the model: what the loss owes to each atom."""

from torch import Tensor

from semdim.atoms.counts import shards
from semdim.atoms.importance import ablation_importance
from semdim.models.facts import read_facts
from semdim.progress import progress_bar
from semdim.proxies.names import parse_proxy
from semdim.proxies.reconstruct import Reconstructor
from semdim.saes.load import load_decoder
from semdim.tokens.sample import load_tokens
from stages.support.codes import open_both
from stages.support.load import load_split, start_engine
from stages.support.run import Run


def importance(run: Run, chosen: Tensor) -> Tensor:
    """Estimated rise of the loss without each atom, on the chosen sequences of the sample."""
    sample, device = run.setting("grid.sample"), start_engine(run)
    split = load_split(run, device)
    decoder = load_decoder(run.paths.sae(run.probe)).to(device)
    token_ids, _ = load_tokens(run.paths.tokens(run.model, sample))
    opened = open_both(run, sample, split)
    parts = shards(
        token_ids,
        chosen,
        opened.codes,
        len(decoder.weight),
        read_facts(run.paths.model(run.model)).bos_token_id,
        opened.activations,
    )
    proxy, seed = parse_proxy("sae", run.setting("splice")), run.setting("seed")
    with progress_bar(total=token_ids.numel(), desc=f"{run.probe} importance of atoms") as bar:
        return ablation_importance(
            split,
            Reconstructor(proxy, decoder.weight, decoder.bias, seed=seed),
            parts,
            batch_sequences=run.setting("engine.batch_sequences"),
            update=bar.update,
        )
