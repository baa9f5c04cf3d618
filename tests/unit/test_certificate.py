"""Certificates: their numbers are those of plain formulas, and every changed value is found."""

import copy
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from ledger_factory import VOCAB_SIZE, make_facts, make_ledger

import semdim
from semdim.bounds.certify import certify as every_bound
from semdim.bounds.quantities import smoothed_loss
from semdim.certificate import verify as verifying
from semdim.certificate.certificate import Certificate
from semdim.certificate.certify import certificate_of, certify
from semdim.certificate.intervals import two_sided
from semdim.certificate.spec import SHARES
from semdim.certificate.verify import read_certificate, read_ledger_at, verify
from semdim.certificate.write import FILES, write_new
from semdim.errors import ArtifactError, ConfigError, DataError, SemdimError
from semdim.ledger.facts import LedgerFacts
from semdim.ledger.memory import Ledger

DOCUMENTS, CONTEXT = 40, 12


@dataclass(frozen=True)
class Given:
    rows: pd.DataFrame
    facts: LedgerFacts


@pytest.fixture(scope="module")
def ledger() -> Given:
    rows = make_ledger(DOCUMENTS, 2, CONTEXT)
    rows["nll_zero"] = rows["nll_model"] + 3
    facts = make_facts()
    codes = replace(facts.codes, n_atoms_used=600)
    return Given(rows, replace(facts, sae_mean_n_active=31.0, codes=codes))


@pytest.fixture(scope="module")
def certificate(ledger: Given) -> Certificate:
    return certify(ledger)


def by_document(rows: pd.DataFrame, values: pd.Series) -> np.ndarray:
    """Mean over a document's windows of a window's mean."""
    windows = values.groupby([rows["document"], rows["sequence"]]).mean()
    return windows.groupby("document").mean().to_numpy()


def test_its_numbers_are_those_of_plain_formulas(ledger: Given, certificate: Certificate) -> None:
    rows = ledger.rows[ledger.rows["position"] < CONTEXT - 1]
    model, sae = (
        pd.Series(smoothed_loss(rows[f"nll_{name}"].to_numpy(), 0.5, VOCAB_SIZE), rows.index)
        for name in ("model", "sae")
    )
    for number, values in (
        (certificate.signed_change, sae - model),
        (certificate.kl, rows["kl_sae"]),
        (certificate.top1_agreement, rows["top1_agrees_sae"]),
        (certificate["loss_model"], rows["nll_model"]),
        (certificate["top1_error_model"], rows["top1_error"]),
    ):
        expected = by_document(rows, values)
        assert number.estimate == pytest.approx(expected.mean())
        assert number.n == DOCUMENTS and number.n_of == "documents"
        if number.is_certificate:
            ends = two_sided(expected, number.range_low, number.range_high, number.failure_prob)
            assert (number.lower, number.upper) == pytest.approx(ends)
    windows = (sae - model).groupby([rows["document"], rows["sequence"]]).mean().abs()
    gaps = windows.groupby("document").mean()
    assert certificate.faithfulness.estimate == pytest.approx(gaps.mean())
    inside = ledger.rows[~ledger.rows["is_bos"]]
    k = by_document(inside, inside["n_active"])
    assert certificate.l0.estimate == pytest.approx(k.mean())
    assert "states 31" in certificate.l0.about and "inside" in certificate.l0.about
    assert certificate.l0.range_high == 640
    assert certificate["l0_approximate"].worth == "approximation"
    plain = (rows["nll_zero"] - rows["nll_sae"]).mean() / (
        rows["nll_zero"] - rows["nll_model"]
    ).mean()
    assert certificate["ce_loss_score"].estimate == pytest.approx(plain)
    recovered = certificate.loss_recovered
    assert 0.3 < recovered.lower < recovered.estimate
    assert recovered.upper is None or recovered.upper > recovered.estimate
    assert certificate["unseen_atoms"].estimate == 40
    rate = certificate["unseen_atom_rate"]
    assert (1 - rate.upper) ** DOCUMENTS * 640 == pytest.approx(0.05 * SHARES["unseen_atoms"])


def test_faithfulness_is_family_8_at_its_share(ledger: Given, certificate: Certificate) -> None:
    share = certificate.faithfulness.failure_prob
    found = every_bound(ledger, failure_prob=share / 2, smoothing_grid=(), sparsity_bins=0)
    assert certificate.faithfulness.upper == pytest.approx(found.faithfulness.total)


def test_delta_is_divided_beforehand(certificate: Certificate) -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)
    spent = {n.name: n.failure_prob for n in certificate.numbers if n.is_certificate}
    assert sum(spent.values()) == pytest.approx(0.05)
    for name in ("faithfulness", "kl", "l0"):
        assert spent[name] == certificate.budget[name] == pytest.approx(0.05 * SHARES[name])
    chosen = replace(certificate.settings, n_candidates=4)
    assert chosen.share("kl") == pytest.approx(0.05 * SHARES["kl"] / 4)


def test_explained_variance_is_saelens_own_on_the_same_activations() -> None:
    from sae_lens.evals import ExplainedVarianceCalculator

    generator = torch.Generator().manual_seed(1)
    n_tokens = DOCUMENTS * 2 * CONTEXT
    h = torch.randn(n_tokens, 16, generator=generator) * 3 + 1
    rebuilt = h + torch.randn(n_tokens, 16, generator=generator)
    rows = make_ledger(DOCUMENTS, 2, CONTEXT)
    inside = torch.tensor((rows["position"] > 0).tolist())
    mean = h[inside].mean(0)
    rows["is_outlier"] = False
    rows["reconstruction_error"] = (h - rebuilt).norm(dim=1).numpy()
    rows["centred_norm"] = (h - mean).norm(dim=1).numpy()
    found = certify(Given(rows, make_facts()))
    theirs = ExplainedVarianceCalculator()
    theirs.add_batch(sae_output=rebuilt[inside], hidden_acts=h[inside])
    assert found["explained_variance_pooled"].estimate == pytest.approx(theirs.compute(), abs=1e-5)
    x, y = h[inside], rebuilt[inside]
    # The legacy formula of sae_lens.evals.get_sparsity_and_variance_metrics, on one batch.
    legacy = 1 - (x - y).pow(2).sum(-1) / (x - x.mean(0)).pow(2).sum(-1)
    estimate = found["explained_variance_legacy"].estimate
    assert estimate == pytest.approx(float(legacy.mean()), abs=1e-5)
    # Windows are alike here, so that documents count as tokens do.
    assert found.explained_variance.estimate == pytest.approx(theirs.compute(), abs=1e-5)


def test_json_is_read_as_it_was_written(certificate: Certificate) -> None:
    assert Certificate.from_json(certificate.to_json()) == certificate
    newer = certificate.to_json().replace("certificate/1", "certificate/9")
    with pytest.raises(ArtifactError, match="certificate/9"):
        Certificate.from_json(newer)
    with pytest.raises(ArtifactError, match="cannot be read as a JSON object"):
        Certificate.from_json("{")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for name, entry in entries:
        if isinstance(entry, dict | list) and entry:
            found += leaves(entry, (*path, name))
        else:
            found.append((*path, name))
    return found


def changed(value: Any) -> Any:
    """Another value of the same type; of a number the sixth digit."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * (1 + 1e-6) if value else 1e-6
    if isinstance(value, str):
        return value + "0"
    return 3 if value is None else [*value, "another"] if isinstance(value, list) else {"x": 0.1}


def test_every_value_that_is_changed_is_found(
    ledger: Given, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert all(finding.is_equal for finding in verify(certificate, ledger))

    def once(rows: Any, facts: Any, spec: Any) -> Certificate:
        if spec != certificate.settings:
            return certificate_of(rows, facts, spec)
        return certificate

    monkeypatch.setattr(verifying, "certificate_of", once)  # what it recomputes, computed once
    content = json.loads(certificate.to_json())
    places = leaves(content)
    assert len(places) > 300
    for place in places:
        forged = copy.deepcopy(content)
        at = forged
        for name in place[:-1]:
            at = at[name]
        at[place[-1]] = changed(at[place[-1]])
        try:
            findings = verify(Certificate.from_json(json.dumps(forged)), ledger)
        except SemdimError:
            continue
        assert any(not finding.is_equal for finding in findings), place


def test_another_ledger_is_found(ledger: Given, certificate: Certificate) -> None:
    rows = ledger.rows.copy()
    rows.loc[5, "nll_sae"] += 1e-4
    tokens = ledger.rows.assign(token_id=ledger.rows["token_id"].to_numpy()[::-1])
    for other, place in (
        (Given(rows, ledger.facts), "numbers.faithfulness.estimate"),
        (Given(tokens, ledger.facts), "subject.tokens_fingerprint"),
        (
            Given(ledger.rows, replace(ledger.facts, model_fingerprint="0c")),
            "subject.model_fingerprint",
        ),
        (Given(ledger.rows, replace(ledger.facts, kl_smoothing=0.2)), "numbers.kl.smoothing"),
    ):
        differing = [f.where for f in verify(certificate, other) if not f.is_equal]
        assert place in differing and "subject.ledger_fingerprint" in differing
    said = next(
        f
        for f in verify(certificate, Given(rows, ledger.facts))
        if f.where.endswith("estimate") and not f.is_equal
    )
    assert "off by" in str(said)


def test_what_a_ledger_does_not_have_is_not_stated(ledger: Given) -> None:
    bare = ledger.rows.drop(columns=["nll_zero", "kl_sae", "top1_error"])
    found = certify(Given(bare, replace(ledger.facts, codes=None, kl_smoothing=None)))
    reasons = {entry.name: entry.reason for entry in found.not_stated}
    assert set(reasons) == {"kl", "loss_recovered", "losses", "unseen_atoms"}
    assert "nll_zero" in reasons["loss_recovered"] and found.faithfulness.n == DOCUMENTS
    with pytest.raises(ConfigError, match="α its KL was taken"):
        found["kl"]
    part = ledger.rows["nll_zero"].where(ledger.rows["sequence"] < 9)
    found = certify(Given(ledger.rows.assign(nll_zero=part), ledger.facts))
    assert "only part" in found.not_stated[0].reason
    assert "not stated: loss_recovered" in str(found)
    one = ledger.rows.assign(document=0)
    with pytest.raises(DataError, match="at least two documents"):
        certify(Given(one, ledger.facts))
    with pytest.raises(ConfigError, match="failure_prob"):
        certify(ledger, failure_prob=0.0)


def test_loss_recovered_is_stated_against_each_baseline(
    ledger: Given, certificate: Certificate
) -> None:
    both = certify(Given(ledger.rows.assign(nll_mean=ledger.rows["nll_model"] + 2), ledger.facts))
    assert both["loss_recovered"] == certificate["loss_recovered"]
    against = both["loss_recovered_mean"]
    assert against.worth == "approximation" and "no theorem" in against.about
    alone = ledger.rows.rename(columns={"nll_zero": "nll_mean"})
    found = certify(Given(alone, ledger.facts))
    assert found.get("loss_recovered") is None
    swapped = found["loss_recovered_mean"]
    zero = certificate["loss_recovered"]
    assert (swapped.estimate, swapped.lower) == (zero.estimate, zero.lower)
    assert found["ce_loss_score_mean"].estimate == certificate["ce_loss_score"].estimate


def test_single_predictions_get_the_exact_interval() -> None:
    rows = make_ledger(60, 1, 2)
    found = certify(Given(rows, make_facts(60, 60, 2))).top1_agreement
    assert "Clopper" in found.theorem and found.lower < found.estimate < found.upper


def test_it_is_shown(certificate: Certificate) -> None:
    page = certificate.to_html()
    assert page.startswith("<!doctype html>") and "http" not in page and "src=" not in page
    assert certificate._repr_html_() in page
    card = certificate.to_markdown()
    assert card.count("| certificate |") == sum(n.is_certificate for n in certificate.numbers)
    for number in certificate.numbers:
        assert number.title in card and number.title in str(certificate)
    metrics = certificate.to_saebench()["eval_result_metrics"]
    losses = metrics["model_performance_preservation"]
    assert losses["ce_loss_without_sae"] == pytest.approx(
        certificate["loss_model"].estimate * np.log(2)
    )
    assert metrics["sparsity"]["l0"] == certificate.l0.estimate
    named = replace(certificate, subject=replace(certificate.subject, sae="<b>&|"))
    assert "<b>&" not in named.to_html() and "&lt;b&gt;" in named.to_html()
    assert "\\|" in named.to_markdown()


def test_files_are_written_together_or_not_at_all(
    tmp_path: Path, ledger: Given, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pa.Table.from_pandas(ledger.rows, preserve_index=False)
    whole = Ledger(table, ledger.facts)
    out = tmp_path / "a" / "out"
    write_new(semdim.certify(whole), whole, out)
    assert {path.name for path in out.iterdir()} == {*FILES, "ledger.parquet"}
    read = read_certificate(out)
    assert all(finding.is_equal for finding in semdim.verify(read, read_ledger_at(out)))
    with pytest.raises(ArtifactError, match="not empty"):
        write_new(read, whole, out)
    monkeypatch.setattr(Ledger, "write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_new(read, whole, tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]
    with pytest.raises(ArtifactError, match="no certificate"):
        read_certificate(tmp_path)
    with pytest.raises(ArtifactError, match="name the file"):
        read_ledger_at(tmp_path)
