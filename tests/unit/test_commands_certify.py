"""`semdim certify` and `semdim verify`: files that agree, sentences for what does not fit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sae_factory import sae_folder
from text_factory import c4_in_hub_cache
from tiny_factory import HOOK, tiny_model
from typer.testing import CliRunner

import semdim
from semdim.commands.app import app
from semdim.models.tiny import standard_library_text

METADATA = {"hook_name": HOOK, "prepend_bos": True, "model_name": "random-llama"}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certify")
    tiny_model(folder / "model")
    sae_folder(folder / "sae", "jumprelu", metadata=METADATA)
    text = "".join(standard_library_text())
    (folder / "texts").mkdir()
    for index in range(12):
        start = 3000 * index
        (folder / "texts" / f"{index:02d}.txt").write_text(text[start : start + 2500])
    return folder


def run(*words: Any) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def certify(work: Path, **options: Any) -> tuple[int, str, str]:
    given = {
        "model": work / "model", "sae": work / "sae", "text": work / "texts", "tokens": 320,
        "context": 16, "windows": 2, "out": work / "out",
    } | options  # fmt: skip
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    return run("certify", "--no-hook-check", *words)  # the SAE is random, and explains nothing


def test_a_certificate_is_written_and_verified(work: Path) -> None:
    code, out, err = certify(work)
    assert code == 0, err
    assert "Change of the loss" in out and "20 windows of 16" in err
    files = {"certificate.json", "certificate.html", "CARD.md", "saebench.json", "ledger.parquet"}
    assert {path.name for path in (work / "out").iterdir()} == files
    code, out, _ = run("verify", work / "out" / "certificate.json", "--ledger", work / "out")
    assert code == 0 and "values equal" in out
    ledger = semdim.Ledger.read(work / "out" / "ledger.parquet")
    assert set(ledger.facts.proxies) == {"model", "sae", "zero"}
    content = json.loads((work / "out" / "certificate.json").read_text())
    number = content["numbers"][0]
    number["upper"] = round(number["upper"], 4)
    (work / "forged.json").write_text(json.dumps(content))
    code, out, _ = run("verify", work / "forged.json", "--ledger", work / "out")
    assert code == 1 and "numbers.faithfulness.upper" in out and "off by" in out


def test_it_is_what_the_functions_give(work: Path) -> None:
    from semdim.certificate.run import Request, measured

    request = Request(
        str(work / "model"), str(work / "sae"), str(work / "texts"), 320, context=16, windows=2,
        baseline="none", check_hook=False, backend="transformer_lens",
    )  # fmt: skip
    model, said = tiny_model(work / "model"), []
    ledger = measured(request, work / "again", say=said.append, progress=False)
    assert said[0].startswith("loading the SAE") and ledger.facts.corpus == str(work / "texts")
    ids = ledger.rows["token_id"].to_numpy().reshape(-1, 16)
    labels = ledger.rows["document"].to_numpy()[::16]
    other = semdim.measure(model, work / "sae", ids, documents=labels, progress=False)
    assert other.rows.drop(columns="document").equals(ledger.rows.drop(columns="document"))


def test_a_table_with_dates_is_kept_to_what_model_and_autoencoder_have_not_seen(
    work: Path,
) -> None:
    import shutil

    from text_factory import write_jsonl

    from semdim.text.training_text import training_text_of, write_training_text

    texts = [path.read_text() for path in sorted((work / "texts").glob("*.txt"))]
    shutil.copytree(work / "sae", work / "seeing")
    write_training_text(training_text_of(texts[:1]), work / "seeing")
    days = ["2024-08-01"] * 9 + ["2024-01-01", None, "2024-07"]
    rows: list[dict[str, object]] = [
        {"text": text, "day": day} for text, day in zip(texts, days, strict=True)
    ]
    dated = {"text": write_jsonl(work / "posts.jsonl", rows), "date-column": "day"}
    given = {
        **dated,
        "baseline": "both",
        "frozen-at": "2024-06",
        "sae": work / "seeing",
        "tokens": 288,
    }
    code, _, err = certify(work, out=work / "young", **given)
    assert code == 0, err
    assert "1 documents left out that seeing was trained on" in err
    assert "frozen on 2024-06-30, documents from 2024-07-01; 1 older ones and 1 without" in err
    card = (work / "young" / "CARD.md").read_text()
    assert "independent of the model by date: the model was frozen on 2024-06-30" in card
    assert "training text of seeing are out" in card
    assert run("verify", work / "young", "--ledger", work / "young")[0] == 0
    facts = semdim.Ledger.read(work / "young" / "ledger.parquet").facts
    assert set(facts.proxies) == {"model", "sae", "zero", "mean"}
    assert "loss_recovered_mean" in card or "against the mean" in card
    older = {**given, "older": "only", "tokens": 64, "sae": work / "sae"}
    assert certify(work, out=work / "old", **older)[0] == 0
    code, said, err = run("contamination", work / "young", work / "old")
    assert code == 0 and "certified at δ = 0.05" in said, err
    new, old = (
        semdim.Ledger.read(work / name / "ledger.parquet").rows for name in ("young", "old")
    )
    means = [
        -np.log2(0.5 * 2 ** -rows["nll_model"].dropna() + 0.5 / 500).mean() for rows in (new, old)
    ]
    assert f"younger documents  {means[0]:.4f} bits  9 documents" in said
    assert f"older or undated   {means[1]:.4f} bits  2 documents" in said
    assert (
        "does not say that all its documents"
        in run("contamination", work / "old", work / "young")[2]
    )
    assert (
        "also holds documents that are younger"
        in run("contamination", work / "young", work / "young")[2]
    )
    for options, says in (
        ({**dated}, "does not state when it was frozen"),
        ({"date-column": "day", "text": work / "texts" / "00.txt"}, "has no columns"),
        ({**given, "older": "refuse"}, "was frozen on 2024-06-30: leave it out"),
    ):
        code, _, err = certify(work, out=work / "never", **options)
        assert code == 1 and says in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": "c4"}, "allenai/c4 must be read from .* cannot be reached"),
        ({"sae": "nothing"}, "neither a folder nor RELEASE/ID"),
        ({"text": "no/such/*.txt"}, "no/such"),
        ({"tokens": 10**6}, "10,000|1000000|1,000,000|tokens"),
        ({"context": 1}, "context"),
        ({"baseline": "median"}, "baseline"),
        ({"failure-prob": 2}, "failure_prob"),
        ({"context": 128}, "128"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    work: Path, options: dict[str, Any], message: str
) -> None:
    import re

    code, _, err = certify(work, out=work / "never", **options)
    last = err.strip().splitlines()[-1]
    assert code == 1 and last.startswith("error: ") and re.search(message, last)
    assert not (work / "never").exists()


def test_c4_is_read_from_the_cache_of_the_hub(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [path.read_text() for path in sorted((work / "texts").iterdir())]
    c4_in_hub_cache(tmp_path / "hub", [[{"text": text} for text in texts]])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    code, out, err = certify(work, text="c4", out=tmp_path / "out", baseline="none")
    assert code == 0, err
    assert "Change of the loss" in out and "20 windows of 16" in err
    subject = json.loads((tmp_path / "out" / "certificate.json").read_text())["subject"]
    assert subject["corpus"] == "c4"


def test_a_plan_touches_nothing(work: Path) -> None:
    code, _, err = run(
        "certify", "--model", "nobody/nothing", "--sae", "a/b", "--text", "english", "--plan",
        "--out", work / "planned",
    )  # fmt: skip
    assert code == 0 and "157 windows of 128" in err and not (work / "planned").exists()


def test_a_folder_in_use_is_refused_before_anything_is_loaded(work: Path) -> None:
    code, _, err = certify(work, out=work / "texts", model="nobody/nothing")
    assert code == 1 and "not empty" in err and "loading" not in err


def test_windows_are_measured_again(work: Path) -> None:
    import pyarrow as pa

    out = work / "for_verify"
    assert certify(work, out=out)[0] == 0
    named = ("--ledger", out, "--model", work / "model", "--sae", work / "sae")
    code, said, err = run("verify", out, *named, "--seed", 1)
    assert code == 0, said + err
    assert "nll_sae: off by" in said and "in 8 windows" in said and "sae_fingerprint: equal" in said
    # Losses that nobody measured, in a ledger that its certificate agrees with.
    ledger = semdim.Ledger.read(out / "ledger.parquet")
    index = ledger.table.column_names.index("nll_sae")
    invented = pa.array(ledger.rows["nll_sae"].where(ledger.rows["position"] != 3, 2.0))
    table = ledger.table.set_column(index, "nll_sae", invented.cast(ledger.table["nll_sae"].type))
    forged = semdim.Ledger(table, ledger.facts)
    (work / "forged").mkdir()
    forged.write(work / "forged" / "ledger.parquet")
    (work / "forged" / "certificate.json").write_text(semdim.certify(forged).to_json())
    named = ("--ledger", work / "forged", "--model", work / "model", "--sae", work / "sae")
    code, said, _ = run("verify", work / "forged", *named)
    assert code == 1 and "nll_sae: off by" in said and "rounding explains" in said
    assert "nll_model: off by" in said and said.count("the most in sequence") == 1
    sae_folder(work / "other", "jumprelu", metadata=METADATA, unit=True)
    code, said, _ = run("verify", out, *named[:4], "--sae", work / "other", "--ledger", out)
    assert code == 1 and "sae_fingerprint: that of another one" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--model", "m"), "give both --model and --sae"),
        (("--seed", "3"), "--seed alone cannot measure anything again"),
        (("--model", "m", "--sae", "s", "--share", "0"), "verify.share = 0.0"),
    ],
)
def test_half_of_what_measuring_again_needs(work: Path, words: tuple[str, ...], says: str) -> None:
    if not (work / "half").exists():
        assert certify(work, out=work / "half")[0] == 0
    code, _, err = run("verify", work / "half", "--ledger", work / "half", *words)
    assert code == 1 and says in err
