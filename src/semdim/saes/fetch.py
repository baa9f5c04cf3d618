"""Get the SAE object that a source names, through SAELens, with the facts only its loader knows."""

import copy
import difflib
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from semdim.errors import ConfigError, MismatchError
from semdim.models.hub import hub_access
from semdim.quoting import why
from semdim.reading import number_or_null, read_json, taken
from semdim.saes.dropped import check_nothing_dropped
from semdim.saes.spec import SAESource

WEIGHTS_FILE = "sae_weights.safetensors"
CONFIG_FILE = "cfg.json"


@dataclass(frozen=True)
class LoadedSAE:
    """An SAE as SAELens gives it, on the CPU in float32."""

    sae: Any
    """SAELens's object; its registry's input scaling is folded already."""
    normalize_activations: str
    """What its configuration says about its input, before any folding."""
    input_scale: float
    """The factor that SAELens's registry gave and the loader folded; 1: none."""
    mean_n_active: float | None
    """What card or registry state."""


def load_source(source: SAESource) -> LoadedSAE:
    """Load `source` with SAELens.

    Raises:
        ConfigError: no such folder, release or sae_id (near matches are listed).
        MismatchError: SAELens cannot make an inference SAE of what is there.
        HubError: the hub is needed and cannot be reached.
    """
    if source.kind == "random":
        return LoadedSAE(random_sae(source), "none", 1.0, None)
    if source.kind == "folder":
        return _from_folder(Path(str(source.path)).expanduser())
    return _from_release(str(source.release), str(source.sae_id))


def _from_folder(folder: Path) -> LoadedSAE:
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise ConfigError(
                f"There is no SAE in {folder}: {name} is missing; expected a folder that "
                f"SAELens's save_model wrote."
            )
    file = folder / CONFIG_FILE
    config = read_json(file, "an SAE's configuration", advice="get it again", kind=MismatchError)
    from sae_lens import SAE

    try:
        with quiet_sae_lens():
            sae = SAE.load_from_disk(folder, device="cpu", dtype="float32")
    except Exception as error:
        raise _cannot_load(str(folder), error, str(config.get("architecture"))) from error
    check_nothing_dropped(config, sae.cfg, str(folder))
    metadata = config.get("metadata") or config
    names = ("mean_n_active", "l0")
    stated = next((metadata[name] for name in names if metadata.get(name)), None)
    mean_n_active = taken({"mean": stated}, "mean", number_or_null, file, "correct it")
    return LoadedSAE(sae, str(sae.cfg.normalize_activations), 1.0, mean_n_active)


def _from_release(release: str, sae_id: str) -> LoadedSAE:
    from sae_lens import SAE
    from sae_lens.loading.pretrained_saes_directory import (
        get_norm_scaling_factor,
        get_pretrained_saes_directory,
        get_repo_id_and_folder_name,
    )

    directory = get_pretrained_saes_directory()
    _check_registered(release, sae_id, directory)
    repo, _ = get_repo_id_and_folder_name(release, sae_id)
    before: list[dict[str, Any]] = []
    with hub_access(repo, f"the SAE {release} / {sae_id}"), quiet_sae_lens():
        try:
            loader = _watching_loader(release, before)
            sae, _, _ = SAE.from_pretrained_with_cfg_and_sparsity(
                release, sae_id, device="cpu", dtype="float32", converter=loader
            )
        except (KeyError, ValueError, RuntimeError, NotImplementedError) as error:
            if isinstance(error, OSError):
                raise
            stored = before[0]["config"].get("architecture") if before else None
            raise _cannot_load(f"{release} / {sae_id}", error, str(stored)) from error
    stored, normalised = before[0], str(before[0]["normalize_activations"])
    # The registry's factor, where there is one, is folded by the loader.
    config = copy.copy(sae.cfg)
    config.normalize_activations = normalised
    check_nothing_dropped(stored["config"], config, f"{release} / {sae_id}")
    entry = directory.get(release)
    stated = entry.expected_l0.get(sae_id) if entry else None
    folded = normalised != "none" and sae.cfg.normalize_activations == "none"
    scale = get_norm_scaling_factor(release, sae_id) if folded else None
    return LoadedSAE(sae, normalised, float(scale or 1.0), float(stated) if stated else None)


def _watching_loader(release: str, seen: list[dict[str, Any]]) -> Any:
    """The registry's loader of `release`, noting the configuration before SAELens rewrites it."""
    from sae_lens.loading.pretrained_sae_loaders import (
        NAMED_PRETRAINED_SAE_LOADERS,
        get_conversion_loader_name,
        handle_config_defaulting,
    )

    loader = NAMED_PRETRAINED_SAE_LOADERS[get_conversion_loader_name(release)]

    def load(*args: Any, **kwargs: Any) -> Any:
        config, state, sparsity = loader(*args, **kwargs)
        # On a copy: SAELens brings the configuration up to date itself, and only once.
        current = handle_config_defaulting(copy.deepcopy(config))
        normalised = current.get("normalize_activations", "none")
        seen.append({"config": copy.deepcopy(config), "normalize_activations": normalised})
        return config, state, sparsity

    return load


def _check_registered(release: str, sae_id: str, directory: dict[str, Any]) -> None:
    if release in directory:
        known = list(directory[release].saes_map)
        if sae_id not in known:
            raise ConfigError(
                f"The release {release!r} has no SAE {sae_id!r}; "
                f"{_near(sae_id, known)} (it has {len(known)})."
            )
    elif "/" not in release:
        raise ConfigError(
            f"SAELens knows no release {release!r}; {_near(release, list(directory))}."
        )


def _near(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=5, cutoff=0.4) or known[:5]
    return f"near matches are {', '.join(close)}"


def _cannot_load(where: str, error: Exception, architecture: str) -> MismatchError:
    reason = why(error, where)
    if isinstance(error, KeyError) and error.args == (architecture,):
        reason = (
            f"its architecture {architecture!r} is not one of SAELens's inference architectures; a "
            "training checkpoint has to be saved with save_inference_model"
        )
    if "scaling factor" in reason.lower().replace("_", " "):
        reason += (
            "; its fine-tuning left a scaling_factor for each atom, which SAELens does not apply: "
            "multiply the rows of W_dec by it, and remove the tensor and finetuning_scaling_factor"
        )
    return MismatchError(f"SAELens cannot load the SAE {where}: {reason}.")


@contextmanager
def quiet_sae_lens() -> Iterator[None]:
    """Silences SAELens's advice on how to load the model, which `load_model` follows anyhow, and
    on a missing scaling factor, which `fold` refuses."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*This SAE has non-empty model_from")
        warnings.filterwarnings("ignore", message=r"norm_scaling_factor not found")
        yield


def random_sae(source: SAESource) -> Any:
    """An untrained JumpReLU SAE with unit-norm random atoms and a tied encoder.

    On an activation h of norm r that is spread evenly over directions, an atom's pre-activation is
    about normal with deviation r/√d. The one threshold is the quantile of that law which leaves
    `mean_n_active` of the atoms above it.
    """
    from sae_lens import JumpReLUSAE, JumpReLUSAEConfig
    from sae_lens.saes.sae import SAEMetadata

    assert source.d_in and source.dict_size and source.activation_norm and source.mean_n_active
    generator = torch.Generator().manual_seed(int(source.seed or 0))
    atoms = torch.randn(source.dict_size, source.d_in, generator=generator)
    atoms /= atoms.norm(dim=1, keepdim=True)
    share = torch.tensor(1 - source.mean_n_active / source.dict_size, dtype=torch.float64)
    deviation = source.activation_norm / math.sqrt(source.d_in)
    threshold = max(0.0, deviation * float(torch.special.ndtri(share)))
    sae = JumpReLUSAE(
        JumpReLUSAEConfig(
            d_in=source.d_in,
            d_sae=source.dict_size,
            metadata=SAEMetadata(
                model_name=source.model_name, hook_name=source.hook_name, prepend_bos=True
            ),
        )
    )
    sae.load_state_dict(
        {
            "W_enc": atoms.T.contiguous(),
            "W_dec": atoms,
            "b_enc": torch.zeros(source.dict_size),
            "b_dec": torch.zeros(source.d_in),
            "threshold": torch.full((source.dict_size,), threshold),
        }
    )
    return sae
