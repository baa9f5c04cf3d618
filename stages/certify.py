"""certify: what the autoencoder changes in its model, certified from the ledger of the sample."""

from semdim.certificate.certify import certificate_of
from semdim.certificate.spec import CertificateSpec
from semdim.certificate.write import write_certificate
from semdim.ledger.table import read_ledger
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    rows, facts = read_ledger(run.paths.ledger(run.probe, run.setting("grid.sample")))
    spec = CertificateSpec(
        failure_prob=run.setting("bound.failure_prob"),
        smoothing=run.setting("bound.smoothing"),
        windows_per_document=run.setting("bound.windows_per_document"),
        n_candidates=int(run.source("probes", run.probe).get("n_candidates", 1)),
        bet_cap=run.setting("bound.bet_cap"),
    )
    found = certificate_of(rows, facts, spec)
    write_certificate(found, run.results)
    say(f"{run.probe}: {len(found.numbers)} numbers -> {run.results / 'certificate.json'}")


if __name__ == "__main__":
    main()
