"""further_losses: the losses of proxies that only the sample has; another k computes that one."""

from semdim.artifacts.shards import MANIFEST
from stages.support.deepest import of_further_ledger
from stages.support.losses import losses_of
from stages.support.run import Run
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    ablation, limit = run.setting("grid.ablation"), run.setting("grid.ablation_tokens")
    names = [*run.setting("grid.sweep"), *ablation, *run.setting("grid.pool")]

    def n_tokens(name: str, n_tokens: int) -> int:
        """Ablations are run on a part of the sample: no bound needs them."""
        return n_tokens if name not in ablation or limit is None else min(limit, n_tokens)

    losses_of(
        run, run.paths.further_losses(run.probe, run.corpus), names, n_tokens,
        columns=of_further_ledger, reads=[run.paths.atom_order(run.probe) / MANIFEST],
    )  # fmt: skip


if __name__ == "__main__":
    main()
