"""Load an exported tokenizer, without the seconds that importing the models takes."""

from pathlib import Path
from typing import Any

from semdim.errors import ArtifactError
from semdim.models.facts import read_facts


def load_tokenizer(folder: Path | str) -> Any:
    """The tokenizer that `export_model` wrote to `folder`; ArtifactError if it is damaged."""
    from transformers import AutoTokenizer

    folder = Path(folder).absolute()
    read_facts(folder)
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the tokenizers library raises plain Exception
        raise ArtifactError(
            f"The tokenizer in {folder} is damaged: delete it and rerun."
        ) from error
