"""An SAE that is in memory, made ready to encode raw activations as an exported one is."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from semdim.errors import MismatchError
from semdim.models.facts import FACTS_FILE
from semdim.reading import reading
from semdim.saes.export import facts_of
from semdim.saes.facts import SAEFacts, read_facts
from semdim.saes.fetch import LoadedSAE, load_source
from semdim.saes.fold import fold
from semdim.saes.load import Decoder, load_decoder, load_sae
from semdim.saes.spec import SAESource


@dataclass(frozen=True)
class Probe:
    """An SAE that is ready to be used."""

    sae: Any
    """SAELens's object in float32: it encodes raw activations, its atoms have unit norm."""
    decoder: Decoder
    """Its decoder, on the same device."""
    facts: SAEFacts
    """Its facts."""


def prepare_probe(sae: Any, *, hook_name: str | None = None, device: str = "cpu") -> Probe:
    """Fold input scaling and decoder norms into a copy of ``sae``.

    Args:
        sae: SAELens's object, which stays as it is; or a folder in SAELens's format, such as one
            that `semdim.saes.export.export_sae` wrote, which is then taken as it is.
        hook_name: where it reads the residual stream; None: what its metadata say.
        device: where to put it.

    Raises:
        MismatchError: its codes cannot be decoded affinely, or its metadata lack what is needed to
            use it.
        ConfigError: there is no such folder.
    """
    if isinstance(sae, str | Path):
        folder = Path(sae).expanduser()
        if (folder / FACTS_FILE).is_file() and hook_name is None:
            exported = load_sae(folder, device=device)
            return Probe(exported, load_decoder(folder).to(device), read_facts(folder))
        loaded, name = load_source(SAESource(kind="folder", path=str(folder))), folder.name
    else:
        # Folded on the CPU in float32, as an export is, so that the weights are the same.
        own = copy.deepcopy(sae).to(device="cpu", dtype=torch.float32)
        metadata = own.cfg.metadata
        name = str(metadata.get("sae_id") or f"{own.cfg.architecture()} SAE")
        if hook_name is None and not metadata.get("hook_name"):
            raise MismatchError(
                f"The metadata of the SAE {name} name no hook point: give it as `hook_name`."
            )
        loaded = LoadedSAE(own, str(own.cfg.normalize_activations), 1.0, None)
    if hook_name is not None:
        loaded.sae.cfg.metadata.hook_name = hook_name
    return _folded(loaded, name, device)


def probe_of(source: SAESource, *, device: str = "cpu") -> Probe:
    """`prepare_probe` of wherever an SAE is, the registry too.

    Raises:
        MismatchError, ConfigError: as `prepare_probe`.
        HubError: the hub is needed and cannot be reached.
    """
    if source.kind == "folder":
        where = str(source.path)
        with reading(where, "an SAE", "correct the metadata in its cfg.json", MismatchError):
            return prepare_probe(where, device=device)
    name = f"{source.release}/{source.sae_id}"
    with reading(name, "an SAE", "correct the metadata in its cfg.json", MismatchError):
        return _folded(load_source(source), name, device)


def _folded(loaded: LoadedSAE, name: str, device: str) -> Probe:
    own = loaded.sae
    facts = facts_of(loaded, name, loaded.input_scale * fold(own, None, name))
    own = own.to(device=device).eval().requires_grad_(False)
    return Probe(own, Decoder(own.W_dec.detach(), own.b_dec.detach()), facts)
