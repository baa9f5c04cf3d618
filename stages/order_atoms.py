"""order_atoms: which atoms a pool takes first, fixed on calibration documents of the sample."""

import torch

from semdim.artifacts.shards import MANIFEST
from semdim.atoms.counts import count_atoms, shards
from semdim.atoms.order import atom_order_by_frequency, atom_order_by_importance
from semdim.bounds.calibration import calibration_documents
from semdim.models.facts import read_facts
from semdim.tokens.sample import load_tokens
from stages.support.codes import open_codes
from stages.support.importance import importance
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    sample, by = run.setting("grid.sample"), run.setting("bound.pool_order")
    fraction, seed = run.setting("bound.calibration_fraction"), run.setting("bound.seed")
    codes = open_codes(run, sample)
    token_ids, document = load_tokens(run.paths.tokens(run.model, sample))
    documents = calibration_documents(document.numpy(), fraction, seed)
    chosen = torch.isin(document, torch.from_numpy(documents))
    bos, dict_size = read_facts(run.paths.model(run.model)).bos_token_id, codes.facts["dict_size"]
    counts = count_atoms(shards(token_ids, chosen, codes, dict_size, bos), dict_size)
    order = atom_order_by_frequency(counts.numpy())
    if by == "ablation":
        order = atom_order_by_importance(importance(run, chosen).numpy())
    inputs, out = [codes.folder / MANIFEST], run.paths.atom_order(run.probe)
    writer = run.writer(out, inputs=inputs, params=[fraction, seed, by], n_shards=1)
    writer.write(0, {"order": torch.from_numpy(order.copy()), "counts": counts})
    writer.publish({"order": by, "n_calibration_documents": len(documents)})
    say(
        f"{int((counts > 0).sum())} of {dict_size} atoms are used in {len(documents)} calibration "
        f"documents; ordered by {by} -> {out}"
    )


if __name__ == "__main__":
    main()
