"""`semdim rank`: the whole way from folders to a ranking; what cannot be loaded is listed."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sae_factory import D_IN, DICT_SIZE, sae_folder
from tiny_factory import HOOK, tiny_model
from typer.testing import CliRunner

import semdim
from semdim.commands.app import app
from semdim.models.tiny import standard_library_text
from semdim.rank.candidates import find_candidates
from semdim.rank.request import RankRequest
from semdim.rank.run import measure_all
from semdim.rank.write import read_ranking

METADATA = {"hook_name": HOOK, "prepend_bos": True, "model_name": "random-llama"}
INFERENCE = ("standard", "jumprelu", "gated", "topk")
TRAINED = ("batchtopk", "matryoshka_batchtopk")
REFUSED = ("transcoder", "skip_transcoder", "jumprelu_transcoder")


def trained_folder(folder: Path, architecture: str) -> None:
    """What SAELens saves of an SAE that was trained as ``architecture``."""
    from sae_lens.registry import get_sae_training_class
    from sae_lens.saes.sae import SAEMetadata

    sae_class, config_class = get_sae_training_class(architecture)
    more = {"matryoshka_widths": [24, 48, DICT_SIZE]} if "matryoshka" in architecture else {}
    sae = sae_class(config_class(d_in=D_IN, d_sae=DICT_SIZE, k=8, **more))
    sae.cfg.metadata = SAEMetadata(**METADATA)
    with torch.no_grad():
        sae.topk_threshold.fill_(0.5)
    sae.save_inference_model(folder)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rank")
    tiny_model(folder / "model")
    for architecture in INFERENCE:
        settings = {"rescale_acts_by_decoder_norm": True} if architecture == "topk" else {}
        sae_folder(folder / "saes" / architecture, architecture, metadata=METADATA, **settings)
    for architecture in TRAINED:
        trained_folder(folder / "saes" / architecture, architecture)
    text = "".join(standard_library_text())
    (folder / "texts").mkdir()
    for index in range(12):
        start = 3000 * index
        (folder / "texts" / f"{index:02d}.txt").write_text(text[start : start + 2500])
    return folder


def rank(work: Path, *words: Any, **options: Any) -> tuple[int, str, str]:
    given = {
        "model": work / "model", "text": work / "texts", "tokens": 192, "context": 16,
        "out": work / "out",
    } | options  # fmt: skip
    line = ["rank", *(word for name, value in given.items() for word in (f"--{name}", value))]
    done = CliRunner().invoke(app, [str(word) for word in [*line, *words]])
    return done.exit_code, done.stdout, done.stderr


def transcoder_folder(folder: Path, architecture: str) -> None:
    """A transcoder, as SAELens saves it."""
    from sae_lens.registry import get_sae_class
    from sae_lens.saes.sae import SAEMetadata

    sae_class, config_class = get_sae_class(architecture)
    config = config_class(
        d_in=D_IN,
        d_sae=DICT_SIZE,
        d_out=D_IN,
        apply_b_dec_to_input=False,
        metadata=SAEMetadata(**METADATA),
    )
    sae_class(config).save_model(folder)


def test_every_architecture_is_ranked_and_the_others_are_listed(work: Path) -> None:
    for architecture in REFUSED:
        transcoder_folder(work / "more" / architecture, architecture)
    sae_folder(work / "more" / "elsewhere", "jumprelu", metadata=METADATA | {"model_name": "gpt2"})
    (work / "more" / "empty").mkdir()
    (work / "more" / "empty" / "cfg.json").write_text("{}")
    code, out, err = rank(work, "--sae", work / "saes", "--sae", f"{work}/more/*", out=work / "all")
    assert code == 0, err
    table = semdim.RankTable.from_content(
        json.loads((work / "all" / "rank.json").read_text()), "rank.json"
    )
    architectures = {entry.name: entry.architecture for entry in table.entries}
    assert architectures.keys() == {*INFERENCE, *TRAINED}
    assert all(architectures[name] == name for name in (*INFERENCE, *TRAINED))
    reasons = {skipped.name: skipped.reason for skipped in table.skipped}
    assert reasons.keys() == {*REFUSED, "elsewhere", "empty"}
    for architecture in REFUSED:
        assert f"architecture '{architecture}'" in reasons[architecture]
    assert "trained on gpt2" in reasons["elsewhere"]
    assert "sae_weights.safetensors is missing" in reasons["empty"]
    assert "skipped transcoder: " in out
    assert table.n_documents == 12 and table.subject.n_tokens_counted == 192
    with (work / "all" / "rank.csv").open() as stream:
        assert [row["name"] for row in csv.DictReader(stream)] == [e.name for e in table.entries]


@pytest.mark.filterwarnings("ignore:.*TopK SAE")
def test_numbers_are_those_of_measure_and_certify(work: Path) -> None:
    candidates = find_candidates([str(work / "saes")], [], "random-llama")
    request = RankRequest(str(work / "model"), str(work / "texts"), 192, context=16)
    found = measure_all(request, candidates, work / "numbers", say=lambda _: None)
    from semdim.certificate.run import Request, measured

    (work / "ledgers").mkdir()
    for one in found.measured:
        single = Request(
            str(work / "model"), str(work / "saes" / one.name), str(work / "texts"), 192,
            context=16, windows=1, baseline="none", check_hook=False,
        )  # fmt: skip
        ledger = measured(single, work / f"of_{one.name}", say=lambda _: None, progress=False)
        certificate = semdim.certify(ledger)
        assert np.mean(one.abs_gap) == certificate.faithfulness.estimate
        assert np.mean(one.change) == certificate.signed_change.estimate
        assert np.mean(one.n_active) == certificate.l0.estimate
        variance = pytest.approx(certificate.explained_variance.estimate, rel=1e-12)
        assert one.explained_variance == variance
        assert one.sae_fingerprint == certificate.subject.sae_fingerprint
        assert found.tokens_fingerprint == certificate.subject.tokens_fingerprint
        ledger.write(work / "ledgers" / f"{one.name}.parquet")
    # The ledgers alone give the same table.
    words = ["rank", "--ledger", f"{work}/ledgers/*.parquet", "--out", f"{work}/of_ledgers"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.stderr
    again, table = read_ranking(work / "of_ledgers"), found.table(request)
    assert again.pairs == table.pairs and again.subject == table.subject
    known = {entry.name: entry for entry in table.entries}
    assert [entry.name for entry in again.entries] == list(known)
    for entry in again.entries:
        variance = known[entry.name].explained_variance
        assert entry.explained_variance == pytest.approx(variance, rel=1e-12)
        plain = {"architecture": "", "explained_variance": None}
        assert replace(entry, **plain) == replace(known[entry.name], **plain)
    for more, says in (
        (["--model", "m"], "cannot be combined with"),
        (["--ledger", "no"], "is not a ledger"),
    ):
        assert says in CliRunner().invoke(app, [*words[:3], *more]).stderr
    assert "needs --model, --text" in CliRunner().invoke(app, ["rank"]).stderr


def test_one_whose_error_overflows_is_ranked(work: Path) -> None:
    far = sae_folder(work / "far" / "huge", "standard", metadata=METADATA)
    with torch.no_grad():
        far.b_dec.fill_(3e38)
        far.W_enc.zero_()
    far.save_model(work / "far" / "huge")
    code, _, err = rank(
        work, "--sae", work / "far", "--sae", work / "saes" / "gated", out=work / "one"
    )
    assert code == 0, err
    with (work / "one" / "rank.csv").open() as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    assert rows["huge"]["explained_variance"] == "" and rows["gated"]["explained_variance"]


def test_it_resumes_and_notices_what_changed(work: Path) -> None:
    saes = ("--sae", work / "saes" / "jumprelu", "--sae", work / "saes" / "gated")
    out = work / "resumed"
    assert rank(work, *saes[:2], out=out)[0] == 0
    first = (out / "saes" / "jumprelu.json").read_bytes()
    code, _, err = rank(work, *saes, out=out)
    assert code == 0 and "jumprelu: measured before" in err and "gated: measured before" not in err
    before = (out / "rank.csv").read_bytes(), (out / "pairs.csv").read_bytes()
    code, _, err = rank(work, *saes, out=out)
    assert code == 0 and err.count("measured before") == 2 and "running" not in err
    assert before == ((out / "rank.csv").read_bytes(), (out / "pairs.csv").read_bytes())
    assert (out / "saes" / "jumprelu.json").read_bytes() == first
    # Another text, and a result that is damaged: both are measured again.
    code, _, err = rank(work, *saes, out=out, tokens=160)
    assert code == 0 and "measured before" not in err
    (out / "saes" / "gated.json").write_text("{")
    code, _, err = rank(work, *saes, out=out, tokens=160)
    assert code == 0 and err.count("measured before") == 1


def test_a_plan_loads_nothing(work: Path) -> None:
    code, out, err = rank(work, "--sae", work / "saes", "--plan", out=work / "planned")
    assert code == 0 and out.split() == sorted([*INFERENCE, *TRAINED])
    assert "12 windows of 16" in err and "time       about" in err and "disk" in err
    assert not (work / "planned").exists()
    code, out, err = rank(
        work, "--release", "gemma-scope-2-270m-pt-res", "--plan", out=work / "planned",
        model="google/gemma-3-270m",
    )  # fmt: skip
    assert code == 0 and "gemma-scope-2-270m-pt-res/" in out and "download" in err
    assert "not known before" in err


def test_in_memory_it_is_the_same(work: Path) -> None:
    names = {name: work / "saes" / name for name in INFERENCE}
    request = RankRequest(
        str(work / "model"), str(work / "texts"), 192, context=16, backend="transformer_lens"
    )
    from semdim.models.facts import read_facts
    from semdim.models.tokenizer import load_tokenizer
    from semdim.text.corpus import sample_corpus

    model, facts = tiny_model(work / "model"), read_facts(work / "model")
    sample = sample_corpus(
        request.corpus(), load_tokenizer(work / "model"), context=16, vocab_size=500, seed=0,
        bos_token_id=facts.bos_token_id, max_sequences_per_document=1,
    )  # fmt: skip
    table = semdim.rank(model, names, sample, bos_token_id=facts.bos_token_id)
    candidates = find_candidates([str(folder) for folder in names.values()], [], "random-llama")
    found = measure_all(request, candidates, work / "memory", say=lambda _: None)
    expected = found.table(request)
    assert table.pairs == expected.pairs
    same = [name for name in vars(table.subject) if name not in ("corpus", "model_fingerprint")]
    for name in same:
        if name != "model":
            assert getattr(table.subject, name) == getattr(expected.subject, name)
    with pytest.raises(semdim.SemdimError, match="same name"):
        semdim.rank(model, [names["gated"], names["gated"]], sample)
    with pytest.raises(semdim.SemdimError, match="no SAE to rank"):
        semdim.rank(model, [], sample)


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        ((), {}, "no SAE to rank"),
        (("--sae", "nothing"), {}, "nothing is not an SAE"),
        (("--sae", "nobody/nothing"), {}, "nobody/nothing is not an SAE"),
        (("--release", "no-such-*"), {}, "matches none of the"),
        (("--release", "gpt2-small-res-jb"), {}, "none for"),
        (("--sae", "saes"), {"tokens": 10**6}, "tokens"),
        (("--sae", "saes"), {"cap": -1}, "cap"),
        (("--sae", "saes"), {"context": 128}, "could be measured"),
        (("--sae", "saes"), {"out": "texts"}, "more than a ranking"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    work: Path, words: tuple[str, ...], options: dict[str, Any], message: str
) -> None:
    words = tuple(str(work / word) if word == "saes" else word for word in words)
    options = {"out": "never"} | options
    options["out"] = work / options["out"]
    code, _, err = rank(work, *words, **options)
    last = err.strip().splitlines()[-1]
    assert code == 1 and last.startswith("error: ") and message in last
    assert not (work / "never").exists()
