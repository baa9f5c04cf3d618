"""prepare_sae: any SAELens SAE -> unit-norm atoms, input scaling folded in; does it fit?"""

from semdim.artifacts import chain
from semdim.artifacts.shards import write_json
from semdim.models.facts import read_facts
from semdim.saes.check import check_fit, check_hook
from semdim.saes.export import export_sae
from semdim.saes.facts import SAEFacts
from semdim.saes.spec import SAESource
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    out = run.paths.sae(run.probe)
    model, context = read_facts(run.paths.model(run.model)), run.setting("tokens.context")

    def accept(sae: SAEFacts) -> None:
        prepend_bos = run.setting("tokens.prepend_bos")
        check_fit(sae, model, context=context, prepend_bos=prepend_bos)
        check_hook(sae, run.hook)

    source = SAESource.from_mapping(run.source("probes", run.probe)["sae"])
    facts = export_sae(source, out, accept=accept)
    processing = facts.processing.as_dict()
    hook = {"model": run.model, "hook_name": facts.hook_name, "processing": processing}
    write_json(run.paths.hook(run.probe), hook)
    chain.start(run.paths.gathered(run.probe, "first"))
    say(f"{facts.name}: {facts.dict_size} atoms at {facts.hook_name} -> {out}")


if __name__ == "__main__":
    main()
