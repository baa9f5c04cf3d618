"""Where a sparse autoencoder comes from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from semdim.errors import ConfigError
from semdim.models.spec import build_from_mapping, check_settings

_SHAPE = (
    "d_in",
    "dict_size",
    "hook_name",
    "model_name",
    "activation_norm",
    "mean_n_active",
    "seed",
)
_NEEDED: dict[str, tuple[str, ...]] = {
    "folder": ("path",),
    "release": ("release", "sae_id"),
    "random": _SHAPE,
}
_ALLOWED: dict[str, tuple[str, ...]] = {
    "folder": ("name", "path", "input_scale", "context_size"),
    "release": ("name", "release", "sae_id", "input_scale", "context_size"),
    "random": ("name", "context_size", *_SHAPE),
}


@dataclass(frozen=True)
class SAESource:
    """Where `prepare_sae` takes an SAE from. Settings that the kind does not use are refused."""

    kind: str
    """`folder` (a local one in SAELens's format), `release` (SAELens's registry, or any hub
    repository in its format) or `random` (untrained, for smoke runs and tests)."""
    name: str | None = None
    """What reports call it. Default: release and sae_id, or the folder's name."""
    path: str | None = None
    """folder: holds cfg.json and sae_weights.safetensors."""
    release: str | None = None
    """release: name in SAELens's registry, or a hub repository `user/name`."""
    sae_id: str | None = None
    """release: which SAE of the release."""
    input_scale: float | None = None
    """The factor by which the SAE expects its input multiplied, where its metadata says that there
    is one but not which (`expected_average_only_in`)."""
    context_size: int | None = None
    """Longest context to accept, in tokens, instead of the one it was trained with."""
    d_in: int | None = None
    """random: width of the residual stream."""
    dict_size: int | None = None
    """random: atoms."""
    hook_name: str | None = None
    """random: hook point, for instance blocks.1.hook_resid_post."""
    model_name: str | None = None
    """random: the model it says it was made for."""
    activation_norm: float | None = None
    """random: typical ‖h‖ at the hook point; sets the threshold."""
    mean_n_active: float | None = None
    """random: the mean number of active atoms aimed at."""
    seed: int | None = None
    """random: seed of the weights."""

    def __post_init__(self) -> None:
        check_settings(self, "SAE source", _NEEDED, _ALLOWED)
        for key in ("input_scale", "context_size", "d_in", "dict_size", "activation_norm"):
            value = getattr(self, key)
            if value is not None and not value > 0:
                raise ConfigError(f"SAE source: {key} = {value} must be above 0.")
        if self.kind == "random":
            assert self.mean_n_active is not None and self.dict_size is not None
            if not 0 < self.mean_n_active < self.dict_size:
                raise ConfigError(
                    f"SAE source: mean_n_active = {self.mean_n_active} must lie between 0 and the "
                    f"{self.dict_size} atoms."
                )

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "SAESource":
        """From plain settings; raises ConfigError that names an unknown or missing key."""
        return build_from_mapping(cls, "SAE source", settings)

    def as_dict(self) -> dict[str, Any]:
        """The settings that are set, as plain values."""
        return {key: value for key, value in asdict(self).items() if value is not None}
