"""All figures in the order in which the report numbers them, and what each one needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from semdim.plots.bound_curve import bound_vs_n
from semdim.plots.compare import comparable, cross_model
from semdim.plots.families import curves
from semdim.plots.frontier import has_frontier, pool_curve, pool_rows, topk_frontier
from semdim.plots.guardrail import guardrail, guardrail_rates
from semdim.plots.layers import block, layer_sweep, layers
from semdim.plots.proxies import ablation_rows, ablations, faithfulness, faithfulness_rows
from semdim.plots.sparsity import (
    histogram_positions,
    risk_by_sparsity,
    sparsity_bins,
    sparsity_histograms,
)
from semdim.plots.surface import bound_surface, has_surface
from semdim.plots.uncertainty import auroc_table, roc, roc_shifts
from semdim.results.read import ProbeResults


@dataclass(frozen=True)
class FigureSpec:
    """One figure of the report."""

    name: str
    """File name without its ending."""
    title: str
    """Heading of its caption."""
    draw: Callable[[list[ProbeResults]], Figure]
    """The drawing function; it skips the models that lack the data."""
    has: Callable[[ProbeResults], bool]
    """Whether a model's results can be drawn."""
    how: str
    """What computes its input, for a reader who misses it."""
    n_models: int = 1
    """Models needed at least."""
    together: Callable[[list[ProbeResults]], bool] = lambda models: True
    """Whether the models that have it make a figure together."""
    is_extra: bool = False
    """Whether a run that has no use for it is complete without."""

    def lacking(self, models: Sequence[ProbeResults]) -> list[str]:
        """Names of the models that have nothing to draw here."""
        return [model.name for model in models if not self.has(model)]

    def can_draw(self, models: Sequence[ProbeResults]) -> bool:
        """Whether there is enough to draw."""
        having = [model for model in models if self.has(model)]
        return len(having) >= self.n_models and self.together(having)


FIGURES: tuple[FigureSpec, ...] = (
    FigureSpec(
        "bound_vs_n",
        "The bound against the sample size",
        bound_vs_n,
        lambda model: bool(curves(model)),
        "the stage assemble_bound, which writes bounds.csv",
    ),
    FigureSpec(
        "sparsity_histograms",
        "How many atoms are active",
        sparsity_histograms,
        lambda model: bool(histogram_positions(model)),
        "the stage measure_uncertainty, which writes sparsity_histogram.csv",
    ),
    FigureSpec(
        "faithfulness",
        "How much the autoencoder changes the model’s loss",
        faithfulness,
        lambda model: len(faithfulness_rows(model)) > 0,
        "the family faithfulness of assemble_bound, part of every run",
    ),
    FigureSpec(
        "ablations",
        "What stands in for the activation, and what that costs",
        ablations,
        lambda model: len(ablation_rows(model)) > 1,
        "proxies in the settings grid.sweep (topk_<k>) and grid.ablation (random_decoder, "
        "shuffled_features, sae_all)",
    ),
    FigureSpec(
        "topk_frontier",
        "The certificate against the number of atoms kept",
        topk_frontier,
        has_frontier,
        "two or more k in the setting bound.topk_grid, with the same topk_<k> in grid.sweep",
    ),
    FigureSpec(
        "bound_surface",
        "The certificate over sample size and atoms kept",
        bound_surface,
        has_surface,
        "the stage sweep_bound, which writes surface.csv when grid.sweep has topk_<k>",
    ),
    FigureSpec(
        "pool_curve",
        "Risk and penalty against the size of a pool of atoms",
        pool_curve,
        lambda model: len(pool_rows(model)) > 0,
        "sizes in the setting bound.pool_sizes, with the proxies pool_<P> in grid.sweep",
    ),
    FigureSpec(
        "risk_by_sparsity",
        "The model’s risk, by how sparse the text’s codes are",
        risk_by_sparsity,
        lambda model: len(sparsity_bins(model)) > 0,
        "the setting bound.sparsity_bins, with bound.unit document or sequence",
    ),
    FigureSpec(
        "auroc_table",
        "Which score tells unfamiliar text from familiar",
        auroc_table,
        lambda model: len(model.table("uncertainty")) > 0,
        "the stage measure_uncertainty, with at least one corpus that is not in-distribution",
    ),
    FigureSpec(
        "roc",
        "Detections against false alarms",
        roc,
        lambda model: bool(roc_shifts(model)),
        "the stage measure_uncertainty, which writes roc.csv",
    ),
    FigureSpec(
        "guardrail",
        "The guardrail: what it promises and what it catches",
        guardrail,
        lambda model: len(guardrail_rates(model)) > 0,
        "the stage measure_uncertainty, which writes guardrail.json",
    ),
    FigureSpec(
        "cross_model",
        "Models side by side",
        cross_model,
        lambda model: bool(comparable([model])),
        "two or more models in one run: experiment=two_models",
        n_models=2,
    ),
    FigureSpec(
        "layer_sweep",
        "One model, an SAE at each of several blocks",
        layer_sweep,
        lambda model: block(model) is not None and bool(comparable([model])),
        "one language model with SAEs at three or more blocks in one run: experiment=layers",
        together=lambda models: bool(layers(models)),
        is_extra=True,
    ),
)
