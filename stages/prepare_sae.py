"""prepare_sae: any SAELens SAE -> unit-norm atoms, input scaling folded in; does it fit?"""

from functools import partial

from semdim.artifacts.shards import write_json
from semdim.models.facts import read_facts
from semdim.saes.check import check_fit
from semdim.saes.export import export_sae
from stages.common import Run, say, stage


@stage
def main(run: Run) -> None:
    tokens = run.settings.tokens
    fits = partial(
        check_fit,
        model=read_facts(run.paths.model(run.model)),
        context=tokens.context,
        prepend_bos=tokens.prepend_bos,
    )
    facts = export_sae(run.settings.models[run.model].sae, run.paths.sae(run.model), accept=fits)
    write_json(
        run.paths.hook(run.model),
        {"hook_name": facts.hook_name, "processing": facts.processing.as_dict()},
    )
    say(f"{facts.name}: {facts.dict_size} atoms at {facts.hook_name} -> {run.paths.sae(run.model)}")


if __name__ == "__main__":
    main()
