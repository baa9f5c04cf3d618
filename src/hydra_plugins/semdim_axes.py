"""Hydra finds this module wherever semdim is installed; conf/ then knows ``${semdim.axes:…}``."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from semdim.axes import axes


def _axes(probes: Any, grid: Any, corpora: Any) -> DictConfig:
    sections = (
        OmegaConf.to_container(section, resolve=True) for section in (probes, grid, corpora)
    )
    return OmegaConf.create(axes(*sections))  # type: ignore[arg-type]


OmegaConf.register_new_resolver("semdim.axes", _axes, replace=True)
