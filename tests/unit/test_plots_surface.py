"""The map over N and k: its cells are the table, its border is log2 V, its stars are k*(N)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_factory import write_results

from semdim.plots.catalogue import FIGURES
from semdim.plots.figures.bound_surface import bound_surface, outline, surface_rows
from semdim.results.read import ProbeResults, read_results


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[ProbeResults]:
    return read_results(write_results(tmp_path_factory.mktemp("results")))


def test_cells_are_the_table(models):
    figure = bound_surface(models)
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == len(models)
    for axes, model in zip(panels, models, strict=True):
        table = surface_rows(model).pivot(index="k", columns="n_tokens", values="total")
        assert np.allclose(axes.images[0].get_array(), table.to_numpy())
        stars = {
            (round(line.get_xdata()[0] - 0.34), int(line.get_ydata()[0]))
            for line in axes.lines
            if line.get_marker() == "*"
        }
        lowest = table.to_numpy().argmin(axis=0)
        telling = table.to_numpy().min(axis=0) < model.baseline
        assert stars == {(j, int(i)) for j, i in enumerate(lowest) if telling[j]}
        assert 0 < len(stars) < len(lowest)


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=4))
def test_the_border_lies_between_unlike_neighbours_only(rows):
    below = np.array(rows)
    across = int((below[:, 1:] != below[:, :-1]).sum())
    along = int((below[1:] != below[:-1]).sum())
    edges = outline(below)
    assert len(edges) == across + along
    for x, y in edges:
        middle = (sum(x) / 2, sum(y) / 2)
        shift = (0.5, 0.0) if x[0] == x[1] else (0.0, 0.5)
        cells = [
            below[int(middle[1] + sign * shift[1]), int(middle[0] + sign * shift[0])]
            for sign in (-1, 1)
        ]
        assert cells[0] != cells[1]


@pytest.mark.parametrize("offset", [-100.0, 0.0, 100.0])
def test_all_below_and_all_above_are_drawn_too(models, offset):
    table = models[0].table("surface")
    shifted = table.assign(total=table["baseline"] + offset)
    bound_surface([ProbeResults("m", {"surface": shifted})]).draw_without_rendering()


def test_one_point_and_many_are_drawn(models):
    table = models[0].table("surface")
    many = [table.assign(k=table["k"] + 1000 * i) for i in range(4)]
    import pandas as pd

    for rows in (table.head(1), pd.concat(many)):
        bound_surface([ProbeResults("m", {"surface": rows})]).draw_without_rendering()


def test_without_a_surface_it_says_what_computes_it():
    spec = FIGURES["bound_surface"]
    assert not spec.can_draw([ProbeResults("bare", {})]) and "sweep_bound" in spec.how
