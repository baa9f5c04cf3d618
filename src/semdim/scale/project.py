"""A run of any size from the steps of the configured one: arithmetic, bytes, hours of devices."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from semdim.errors import ConfigError
from semdim.paths import Paths
from semdim.plan import Step, steps
from semdim.scale.devices import DEVICES, Device, efficiency, flop_per_second
from semdim.settings import Settings

ROW_BYTES, BYTES_PER_PROXY = 60, 12
"""Of a row of the ledger before compression: its own columns, and three for each proxy."""

OF_A_PROBE = ("encode_codes", "compute_losses", "order_atoms", "further_losses")
"""Stages whose work is a probe's own."""


@dataclass(frozen=True)
class Artifact:
    """What the steps of one stage compute and leave on the disk."""

    stage: str
    gflop: float
    n_bytes: int


@dataclass(frozen=True)
class Hours:
    """What a class of devices needs for the arithmetic, without start, stragglers and failures."""

    device: Device
    gpu_hours: float
    hours: float
    """The same, divided among the devices."""


@dataclass(frozen=True)
class Scale:
    """What a run of so many tokens costs."""

    n_tokens: int
    """Of the sample; the other corpora keep their sizes."""
    n_gpus: int
    artifacts: tuple[Artifact, ...]
    """By stage, in the order of the pipeline; the ledger last."""
    hours: tuple[Hours, ...]
    """By class of devices."""
    flop_per_token: float
    """From a token to its row of the ledger with the proxies model and sae: what rates go by."""
    stored_bytes_per_token: float
    """On the disk with activations stored."""
    bytes_per_token: float
    """On the disk without."""
    fused_bytes_per_token: float
    """On the disk with neither activations nor codes."""
    disk_bytes: int
    """What there is room for."""
    proxy: Artifact
    """What one more proxy adds on the sample."""
    probe: Artifact
    """What one more probe at the same hook point adds, on every corpus."""

    @property
    def n_bytes(self) -> int:
        """Of all artifacts."""
        return sum(artifact.n_bytes for artifact in self.artifacts)

    @property
    def n_tokens_stored(self) -> int:
        """From so many tokens on, activations that are stored do not fit."""
        return int(self.disk_bytes / self.stored_bytes_per_token)

    @property
    def n_tokens_unstored(self) -> int:
        """So many tokens fit with ``engine.store_activations=false``."""
        return int(self.disk_bytes / self.bytes_per_token)

    @property
    def n_tokens_at_all(self) -> int:
        """So many tokens fit with ``engine.store_codes=false`` as well."""
        return int(self.disk_bytes / self.fused_bytes_per_token)

    @property
    def share(self) -> float:
        """Of its nominal rate, what the measured device reaches."""
        return efficiency(self.flop_per_token)

    def gpu_hours(self, artifact: Artifact, device: Device) -> float:
        """Hours of one device for its arithmetic."""
        return 1e9 * artifact.gflop / flop_per_second(device, self.flop_per_token) / 3600.0


def scaled(settings: Settings, n_tokens: int) -> Settings:
    """The same run with another size of its sample."""
    sample = settings.grid.sample
    corpora = dict(settings.corpora)
    corpora[sample] = replace(corpora[sample], n_tokens=n_tokens)
    return replace(settings, corpora=corpora)


def project(
    settings: Settings, paths: Paths, *, n_tokens: int, n_gpus: int, disk_bytes: int
) -> Scale:
    """What the configured run costs with ``n_tokens`` of its sample on ``n_gpus`` devices.

    Raises:
        ConfigError: no model is exported yet, so that its arithmetic is not known.
    """
    larger = scaled(settings, n_tokens)
    todo = list(steps(larger, paths))
    if not todo:
        raise ConfigError(
            "No model is exported yet, so its arithmetic is not known: run `dvc repro "
            "prepare_model prepare_sae` first."
        )
    stored, unstored, fused = (
        _bytes(list(steps(_storing(larger, *kept), paths)))
        for kept in ((True, True), (False, True), (False, False))
    )
    ledger, flop = _ledger(larger, todo), 1e9 * sum(step.gflop for step in todo)
    sample = f" · {larger.grid.sample}"
    per_token = _typical([step for step in todo if step.unit.endswith(sample)])
    return Scale(
        n_tokens=n_tokens,
        n_gpus=n_gpus,
        artifacts=(*_by_stage(todo), Artifact("write_ledger", 0.0, ledger)),
        hours=tuple(_hours(device, flop, per_token, n_gpus) for device in DEVICES),
        flop_per_token=per_token,
        stored_bytes_per_token=(stored + ledger) / n_tokens,
        bytes_per_token=(unstored + ledger) / n_tokens,
        fused_bytes_per_token=(fused + ledger) / n_tokens,
        disk_bytes=disk_bytes,
        proxy=_proxy(larger, todo),
        probe=_probe(todo),
    )


def _hours(device: Device, flop: float, per_token: float, n_gpus: int) -> Hours:
    hours = flop / flop_per_second(device, per_token) / 3600.0
    return Hours(device, hours, hours / n_gpus)


def _storing(settings: Settings, activations: bool, codes: bool) -> Settings:
    engine = replace(settings.engine, store_activations=activations, store_codes=codes)
    return replace(settings, engine=engine)


def _bytes(todo: Sequence[Step]) -> int:
    return sum(step.bytes for step in todo)


def _by_stage(todo: Sequence[Step]) -> tuple[Artifact, ...]:
    found: dict[str, Artifact] = {}
    for step in todo:
        before = found.get(step.stage, Artifact(step.stage, 0.0, 0))
        found[step.stage] = Artifact(
            step.stage, before.gflop + step.gflop, before.n_bytes + step.bytes
        )
    return tuple(found.values())


def _ledger(settings: Settings, todo: Sequence[Step]) -> int:
    """Bytes of the ledgers of all probes, before compression."""
    n_tokens = sum(step.n_tokens for step in todo if step.stage == "encode_codes")
    of_proxies = sum(
        step.n_tokens for step in todo if step.stage in ("compute_losses", "further_losses")
    )
    return ROW_BYTES * n_tokens + BYTES_PER_PROXY * of_proxies


def _typical(of_sample: Sequence[Step]) -> float:
    """Operations per token with two proxies, as the bench measures them: each stage once."""
    stages = ("cache_activations", "model_losses", "encode_codes", "compute_losses")
    first = {step.stage: step for step in reversed(of_sample) if step.stage in stages}
    return sum(1e9 * step.gflop / step.n_tokens for step in first.values())


def _proxy(settings: Settings, todo: Sequence[Step]) -> Artifact:
    """One more proxy on the sample."""
    unit = f" · {settings.grid.sample}"
    found = [s for s in todo if s.stage == "compute_losses" and s.unit.endswith(unit)]
    last = found[-1]  # the first bears what the proxies share
    return Artifact("proxy", last.gflop, last.bytes + BYTES_PER_PROXY * last.n_tokens)


def _probe(todo: Sequence[Step]) -> Artifact:
    """One more probe at the same hook point, on every corpus."""
    own = [step for step in todo if step.stage in OF_A_PROBE]
    first = [step for step in own if step.unit.split(" · ")[0] == own[0].unit.split(" · ")[0]]
    n_tokens = sum(step.n_tokens for step in first if step.stage == "encode_codes")
    of_proxies = sum(step.n_tokens for step in first if step.proxy)
    ledger = ROW_BYTES * n_tokens + BYTES_PER_PROXY * of_proxies
    return Artifact("probe", sum(step.gflop for step in first), _bytes(first) + ledger)
