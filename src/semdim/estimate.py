"""How long the steps of a plan will take, from the rates of this machine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from semdim.rates import Rate

if TYPE_CHECKING:
    from semdim.plan import Step

#: Share of the machine's matrix-product rate that forward passes reach, rounded down from what
#: SmolLM2-135M reached on two cores (0.77 in float32, 0.69 in bfloat16).
EFFICIENCY = {"float32": 0.7, "bfloat16": 0.6}
#: Seconds to start a process that loads a model, and for all that runs none.
STAGE_START, THE_REST = 6.0, 60.0


@dataclass(frozen=True)
class Estimate:
    """How long a step will take."""

    seconds: float
    is_measured: bool
    """From the rate at which the same stage last ran here; else from a short product's."""


def estimates(
    todo: "Iterable[Step]",
    rates: Mapping[tuple[str, str, str, str], Rate],
    dtype: str,
    processor: str,
    product_rate: float,
) -> list[Estimate]:
    """How long each step will take; the first of a process bears its start.

    Args:
        todo: the steps that are not there.
        rates: of stages that ran before, by their keys.
        dtype: float32 or bfloat16.
        processor: what will compute (`semdim.rates.processor`).
        product_rate: GFLOP/s of a matrix product, for stages without a rate.
    """
    found, started = [], set()
    for step in todo:
        known = rates.get((step.stage, step.model, dtype, processor))
        rate = product_rate * EFFICIENCY[dtype] if known is None else known.gflop_per_s
        start = 0.0 if (step.stage, step.unit) in started else STAGE_START
        started.add((step.stage, step.unit))
        found.append(Estimate(start + step.gflop / rate, known is not None))
    return found
