"""Load an exported tokenizer, without the seconds that importing the models takes."""

from pathlib import Path
from typing import Any

from semdim.models.facts import read_facts
from semdim.reading import reading


def load_tokenizer(folder: Path | str) -> Any:
    """The tokenizer that `export_model` wrote to `folder`; ArtifactError if it is damaged."""
    from transformers import AutoTokenizer

    folder = Path(folder).absolute()
    read_facts(folder)
    with reading(folder, "an exported tokenizer", "delete it and rerun"):
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
