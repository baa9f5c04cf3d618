"""Offline before anything is imported, shapes checked at run time, and one seed."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # honoured only when set before huggingface_hub is imported
os.environ.setdefault("WANDB_MODE", "disabled")
os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
os.environ.setdefault("MPLBACKEND", "Agg")

from jaxtyping import install_import_hook

install_import_hook("semdim", "beartype.beartype")

from hypothesis import settings  # noqa: E402 - the import hook comes first

# Speed is measured in bench/, never by a test: a busy machine must not fail the mathematics.
settings.register_profile("semdim", deadline=None)
settings.load_profile("semdim")
