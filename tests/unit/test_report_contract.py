"""The files that the stages really write are the files that figures and report read.

A synthetic ledger goes through the bounds and the uncertainty study into a results folder; nothing
of it may be unreadable, unnamed, or left out of the page.
"""

import numpy as np
import pandas as pd
import pytest
from ledger_factory import VOCAB_SIZE, make_ledger
from results_factory import errors_result

from semdim.bounds.aggregate import sequence_losses
from semdim.bounds.assemble import BoundFacts, assemble_ledger
from semdim.bounds.per_token import k_and_loss
from semdim.bounds.spec import BoundSpec
from semdim.bounds.summary import at_largest_n, headline
from semdim.bounds.surface import surface
from semdim.ledger.facts import CodesFacts, LedgerFacts
from semdim.ledger.radii import radii_table
from semdim.plots.catalogue import figures, made_tables
from semdim.plots.families import FALLBACK_COLOUR, METHODS, curves, published
from semdim.plots.figures.roc import SCORE_COLOURS
from semdim.plots.selections.bin_rows import sparsity_bins
from semdim.plots.selections.pool_rows import pool_rows
from semdim.plots.selections.score_rows import one_sided
from semdim.records import write_record
from semdim.report.readings.over_smoothing import over_smoothing
from semdim.report.readings.replacements import faithful, faithful_to_each
from semdim.report.sentences import readings
from semdim.results.read import ProbeResults, read_results
from semdim.results.setup import setup_of
from semdim.results.write_bounds import bounds_table
from semdim.results.write_proxies import proxies_table
from semdim.results.write_sparsity import write_sparsity
from semdim.uncertainty.rounding import Counted, FirstTokens, rounding_row, write_rounding
from semdim.uncertainty.spec import UncertaintySpec
from semdim.uncertainty.study import run_study

TOPK, POOLS = (8, 16), (64, 256)
SPEC = BoundSpec(n_tokens=(600, 1800, 3600), topk_grid=TOPK, pool_sizes=POOLS, sparsity_bins=2)
ROLES = {"english": "id", "python": "shifted", "random": "far"}


def ledgers() -> dict[str, pd.DataFrame]:
    home = make_ledger(n_documents=150)
    rng = np.random.default_rng(1)
    proxies = [f"topk_{k}" for k in TOPK] + [f"pool_{size}" for size in POOLS]
    for name in (*proxies, "random_decoder", "shuffled_features", "sae_all"):
        noise = rng.gamma(1.0, 0.4, len(home)).astype(np.float32)
        home[f"nll_{name}"] = home["nll_model"] + noise
    return {
        "english": home,
        "python": make_ledger(shift=2.0, seed=1),
        "random": make_ledger(shift=15.0, seed=2),
    }


def facts_of(corpus: str, table: pd.DataFrame) -> LedgerFacts:
    return LedgerFacts(
        model="synthetic",
        model_fingerprint="0" * 64,
        n_layers=2,
        d_model=32,
        vocab_size=VOCAB_SIZE,
        sae="synthetic_layer1",
        sae_fingerprint="1" * 64,
        sae_architecture="jumprelu",
        sae_mean_n_active=None,
        hook_name="blocks.1.hook_resid_post",
        dict_size=512,
        corpus=corpus,
        n_tokens=len(table),
        n_sequences=int(table["sequence"].nunique()),
        n_documents=int(table["document"].nunique()),
        counts={"documents_read": 200, "documents_too_short": 3},
        versions={},
        documents=(),
        context=12,
        splice="no_bos",
        compute_dtype="float32",
        seed=0,
        proxies={},
        codes=CodesFacts(0.9, 0.8, 0.0, 20.0),
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> ProbeResults:
    import json

    tables = ledgers()
    home = tables["english"]
    names = [c.removeprefix("nll_") for c in home.columns if c.startswith("nll_")]
    max_rank = np.random.default_rng(2).integers(30, 300, home["sequence"].nunique())
    of_document = tuple(int(number % 4 > 0) for number in range(150))
    facts = BoundFacts(VOCAB_SIZE, 512, sources=("wikipedia", "news"), document_sources=of_document)
    found = assemble_ledger(home, facts, SPEC, max_rank=max_rank)
    claimed = at_largest_n(found, "as_published", SPEC.smoothing)
    losses = sequence_losses(home, names, SPEC.smoothing, VOCAB_SIZE)
    splices = {name: "all" if name == "sae_all" else "no_bos" for name in names}
    nll = {name: float(home[f"nll_{name}"].mean()) for name in names}
    folder = tmp_path_factory.mktemp("results") / "probes" / "synthetic"
    folder.mkdir(parents=True)
    bounds_table(found).to_csv(folder / "bounds.csv", index=False, float_format="%.8g")
    write_record(folder / "k_and_loss.json", k_and_loss(home, claimed, seed=0))
    proxies_table(losses, nll, splices).to_csv(folder / "proxies.csv", index=False)
    points = surface(losses, BoundFacts(VOCAB_SIZE, 512), SPEC)
    pd.DataFrame(points).to_csv(folder / "surface.csv", index=False)
    study = run_study(
        tables, ROLES, UncertaintySpec(n_resamples=20, window=4), 0, vocab_size=VOCAB_SIZE
    )
    study.write(folder)
    write_sparsity(folder, study.sparsity, radii_table(tables))
    errors_result().write(folder)
    write_rounding(folder, [_rounding_row(corpus, table) for corpus, table in tables.items()])
    facts = {corpus: facts_of(corpus, table) for corpus, table in tables.items()}
    (folder / "bound.json").write_text(json.dumps(headline(found, SPEC.smoothing)))
    write_record(folder / "setup.json", setup_of(facts, "english", ROLES))
    return read_results(folder.parent)[0]


def _rounding_row(corpus: str, table: pd.DataFrame) -> dict[str, str | float]:
    """As if each second token had another k in bfloat16."""
    context = int(table["position"].max()) + 1
    first = FirstTokens.of(table.assign(activation_norm=1.0), context, 8 * context)
    k = first.counted.n_active
    found = {"float32": first.counted, "bfloat16": Counted(k + np.arange(context) % 2, k * 1.0)}
    row = rounding_row(found, first.is_counted, 500)
    return {"corpus": corpus, "run_dtype": "float32", **row}


def test_every_figure_but_the_comparison_can_be_drawn(model):
    assert [spec.name for spec in figures() if not spec.can_draw([model])] == [
        "cross_model",
        "layer_sweep",
    ]


def test_every_family_method_and_score_has_its_name_and_colour(model):
    lines = curves(model)
    assert not [line.family for line in lines if line.colour == FALLBACK_COLOUR]
    assert {line.method for line in lines} <= {"", *METHODS}
    assert {one_sided(s) for s in model.table("uncertainty")["score"]} <= set(SCORE_COLOURS)


def test_the_line_of_the_published_bound_meets_its_closed_form(model):
    main = published(model)
    assert main is not None
    assert main.last["total"] == pytest.approx(model.headline["as_published_total"], rel=1e-6)
    if main.crossing is not None and not main.crossing.is_first_point:
        exact = model.headline["as_published_crossing_n_tokens"]
        assert main.crossing.interpolated == pytest.approx(exact, rel=0.05)


def test_bins_and_pools_are_understood(model):
    bins = sparsity_bins(model)
    assert list(bins["left"]) == sorted(bins["left"]) and bins["right"].isna().sum() == 1
    assert set(pool_rows(model)["family"]) == {"pool_split", "pool_occam", "occam_pool"}


def test_every_place_of_the_page_has_its_sentences(model):
    empty = [entry.name for entry in readings() if not entry.write([model])]
    assert set(empty) <= {"compared", "knows_answers", "layered", "notes", "fitted", "massive"}


def test_the_smallest_certificate_over_alpha_is_that_of_the_table(model):
    table = made_tables([model])["certified_by_smoothing"]
    assert table.header[2:] == [f"α = {a:g}" for a in (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)]
    betting = table.data.query("family == 'holdout' and method == 'betting'")
    assert len(betting) == 6
    best = betting.loc[betting["total"].idxmin()]
    assert model.headline["holdout_betting_best_total"] == pytest.approx(best["total"])
    assert model.headline["holdout_betting_best_smoothing"] == best["smoothing"]
    said = " ".join(over_smoothing([model]))
    assert f"{best['total']:.2f}</data> bits" in said and "not the risk on new documents" in said


def test_what_the_autoencoder_changes_is_said_of_texts_tokens_and_documents(model):
    said = " ".join(faithful([model]))
    length = model.setup["context"] - 1
    assert "changes the mean loss of a " in said and f">{length}</data>-token text" in said
    assert "changes the model’s loss" not in said and "It changes a token’s loss by" in said
    each = " ".join(faithful_to_each([model]))
    assert each.count("in at most") == 5 and "of new documents" in each


def test_every_table_has_rows(model):
    assert list(made_tables([model])) == [
        "paper_figure1",
        "bounds_at_largest_n",
        "certified_by_smoothing",
        "risk_by_source",
        "table1_sparsity",
        "paper_table1",
        "radii",
        "proxies",
        "ood_leaderboard",
        "levels_of_k",
        "rounding",
        "detection_at_rate",
        "uncertainty_auroc",
        "error_scores",
        "references",
    ]
