"""order_atoms: which atoms a pool takes first, fixed on calibration documents of the sample."""

import torch

from semdim.artifacts.shards import Artifact
from semdim.atoms.counts import count_atoms, shards
from semdim.atoms.order import atom_order_by_frequency, atom_order_by_importance
from semdim.bounds.calibration import calibration_documents as draw
from semdim.models.facts import read_facts
from semdim.tokens.sample import load_tokens
from stages.common import Run, say, stage


@stage
def main(run: Run) -> None:
    paths, model, sample = run.paths, run.model, run.settings.grid.sample
    spec, out = run.settings.bound, run.paths.atom_order(run.model)
    codes = Artifact.open(paths.codes(model, sample))
    token_ids, document = load_tokens(paths.tokens(model, sample))
    documents = draw(document.numpy(), spec.calibration_fraction, spec.seed)
    chosen = torch.isin(document, torch.from_numpy(documents))
    bos, dict_size = read_facts(paths.model(model)).bos_token_id, codes.facts["dict_size"]
    counts = count_atoms(shards(token_ids, chosen, codes, dict_size, bos), dict_size)
    order = atom_order_by_frequency(counts.numpy())
    if spec.pool_order == "ablation":
        from stages.importance import importance  # loads the model

        order = atom_order_by_importance(importance(run, chosen).numpy())
    writer = run.writer(
        out, inputs=[codes.folder / "manifest.json"],
        params=[spec.calibration_fraction, spec.seed, spec.pool_order], n_shards=1,
    )  # fmt: skip
    writer.write(0, {"order": torch.from_numpy(order.copy()), "counts": counts})
    writer.publish({"order": spec.pool_order, "n_calibration_documents": len(documents)})
    say(
        f"{int((counts > 0).sum())} of {dict_size} atoms are used in {len(documents)} calibration "
        f"documents; ordered by {spec.pool_order} -> {out}"
    )


if __name__ == "__main__":
    main()
