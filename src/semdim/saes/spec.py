"""Where a sparse autoencoder comes from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from semdim.fields import SEED, SettingError, Takes, check, check_kind, read, setting
from semdim.limits import ATOMS, POSITIONS, WIDTH

KINDS = {
    "folder": Takes(needed=("path",), optional=("name", "input_scale", "context_size")),
    "release": Takes(
        needed=("release", "sae_id"), optional=("name", "input_scale", "context_size")
    ),
    "random": Takes(
        needed=(
            "d_in", "dict_size", "hook_name", "model_name", "activation_norm", "mean_n_active",
            "seed",
        ),
        optional=("name", "context_size"),
    ),
}  # fmt: skip
"""The kinds of SAE, and which settings each of them has."""


@dataclass(frozen=True)
class SAESource:
    """Where `prepare_sae` takes an SAE from. Settings that the kind does not use are refused."""

    kind: str = setting(choices=tuple(KINDS))
    """`folder` (a local one in SAELens's format), `release` (SAELens's registry, or any hub
    repository in its format) or `random` (untrained, for smoke runs and tests)."""
    name: str | None = setting(None, not_empty=True)
    """What reports call it. Default: release and sae_id, or the folder's name."""
    path: str | None = setting(None, not_empty=True)
    """folder: holds cfg.json and sae_weights.safetensors."""
    release: str | None = setting(None, not_empty=True)
    """release: name in SAELens's registry, or a hub repository `user/name`."""
    sae_id: str | None = setting(None, not_empty=True)
    """release: which SAE of the release."""
    input_scale: float | None = setting(None, above=0)
    """The factor by which the SAE expects its input multiplied, where its metadata says that there
    is one but not which (`expected_average_only_in`)."""
    context_size: int | None = setting(None, at_least=1, **POSITIONS)
    """Longest context to accept, in tokens, instead of the one it was trained with."""
    d_in: int | None = setting(None, at_least=1, **WIDTH)
    """random: width of the residual stream."""
    dict_size: int | None = setting(None, at_least=2, **ATOMS)
    """random: atoms."""
    hook_name: str | None = setting(None, not_empty=True)
    """random: hook point, for instance blocks.1.hook_resid_post."""
    model_name: str | None = setting(None, not_empty=True)
    """random: the model it says it was made for."""
    activation_norm: float | None = setting(None, above=0)
    """random: typical ‖h‖ at the hook point; sets the threshold."""
    mean_n_active: float | None = setting(None, above=0)
    """random: the mean number of active atoms aimed at."""
    seed: int | None = setting(None, **SEED)
    """random: seed of the weights."""

    def __post_init__(self) -> None:
        check(self, "sae")
        check_kind(self, KINDS, "sae")
        if self.mean_n_active is None or self.dict_size is None:
            return
        if self.mean_n_active >= self.dict_size:
            raise SettingError(
                "sae",
                f"mean_n_active = {self.mean_n_active} must lie between 0 and dict_size = "
                f"{self.dict_size}.",
            )

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any], where: str = "sae") -> "SAESource":
        """From plain settings; raises ConfigError for whatever is not possible."""
        return read(cls, settings, where)

    def as_dict(self) -> dict[str, Any]:
        """The settings that are set, as plain values."""
        return {key: value for key, value in asdict(self).items() if value is not None}
