"""compute_losses: the loss of S∘M, and of every other proxy of all corpora, at each token.

With ``engine.store_codes=false`` it also keeps what the ledger says of each token's code.
"""

from stages.support.losses import losses_of, of_ledger
from stages.support.run import Run
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    names = [name for name in run.setting("grid.proxy") if name != "model"]
    folder = run.paths.losses(run.probe, run.corpus)
    losses_of(run, folder, names, lambda name, n_tokens: n_tokens, columns=of_ledger)


if __name__ == "__main__":
    main()
