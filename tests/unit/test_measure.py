"""Measure: the ledger of the pipeline to the bit, of two full passes to rounding, and nothing of
the user's is changed."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sae_factory import sae_folder
from tiny_factory import HOOK, fitting_sae, tiny_model

import semdim
from semdim.artifacts.folder import FolderPlace
from semdim.errors import ConfigError, DataError, MismatchError
from semdim.forward.split import SplitModel
from semdim.ledger.table import LedgerWriter, read_ledger
from semdim.models.tiny import standard_library_text
from semdim.proxies.names import parse_proxy
from semdim.saes.export import export_sae
from semdim.saes.memory import prepare_probe
from semdim.saes.spec import SAESource
from semdim.steps import Steps
from semdim.text.independence import Independence
from semdim.text.training_text import training_text_of, write_training_text

CONTEXT, N = 16, 13
PROXIES = ("model", "sae", "topk_3", "sae_all", "random_decoder", "pool_40", "shuffled_features")
ORDER = torch.randperm(96, generator=torch.Generator().manual_seed(4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny") / "model"


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def model(request: pytest.FixtureRequest, folder: Path) -> Any:
    return tiny_model(folder, request.param)


@pytest.fixture(scope="module")
def float_model(folder: Path) -> Any:
    return tiny_model(folder)


@pytest.fixture(scope="module")
def token_ids() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(1, 500, (N, CONTEXT), generator=generator)
    ids[:, 0] = 0
    ids[4, 7] = 0  # BOS in mid-text
    return ids


def measured(model: Any, token_ids: Any, **options: Any) -> semdim.Ledger:
    settings = {"batch_sequences": 3, "shard_sequences": 5, "progress": False}
    return semdim.measure(model, fitting_sae(), token_ids, **(settings | options))


def test_it_is_the_ledger_of_the_disk_to_the_bit(
    tmp_path: Path, model: Any, token_ids: torch.Tensor
) -> None:
    ledger = measured(model, token_ids, proxies=PROXIES, atom_order=ORDER, seed=2)
    probe = prepare_probe(fitting_sae())
    steps = Steps(
        SplitModel(model, HOOK), probe.sae, probe.decoder, token_ids.int(), FolderPlace(tmp_path),
        bos_token_id=0, seed=2, atom_order=ORDER, batch_sequences=3, shard_sequences=5,
    )  # fmt: skip
    steps.cache_activations()
    steps.encode_codes()
    for name in PROXIES:  # one after the other, where measure runs them together
        steps.compute_losses([name])
    writer = LedgerWriter(tmp_path / "ledger.parquet")
    codes = steps.collect(PROXIES, np.arange(N, dtype=np.int32), writer.append)
    writer.finish(replace(ledger.facts, codes=codes))
    rows, facts = read_ledger(writer.path)
    assert ledger.rows.equals(rows) and ledger.facts == facts
    assert facts.compute_dtype == str(model.cfg.dtype).removeprefix("torch.")
    expected = {name: "all" if name == "sae_all" else "no_bos" for name in PROXIES}
    assert facts.proxies == {**expected, "model": ""}  # as the pipeline's ledgers have it
    ledger.write(tmp_path / "own.parquet")
    again = semdim.Ledger.read(tmp_path / "own.parquet")
    assert again.rows.equals(rows) and again.facts == facts


def two_passes(model: Any, sae: Any, token_ids: torch.Tensor, splice: bool) -> torch.Tensor:
    """Full forward passes with a hook, dense codes, the SAE as it was given."""

    def replace_by_sae(activation: torch.Tensor, hook: object) -> torch.Tensor:
        rebuilt = sae.decode(sae.encode(activation))
        special = token_ids == 0
        special[:, 0] = True
        return torch.where(special[..., None], activation, rebuilt)

    hooks = [(HOOK, replace_by_sae)] if splice else []
    with torch.no_grad():
        log_p = model.run_with_hooks(token_ids, fwd_hooks=hooks).log_softmax(-1)[:, :-1]
    return -log_p.gather(2, token_ids[:, 1:, None]).squeeze(2) / math.log(2)


@pytest.mark.parametrize("architecture", ["standard", "jumprelu", "topk"])
def test_losses_are_those_of_two_full_passes(
    float_model: Any, token_ids: torch.Tensor, architecture: str
) -> None:
    sae = fitting_sae(architecture)
    if architecture == "topk":
        sae.cfg.rescale_acts_by_decoder_norm = True
    ledger = semdim.measure(float_model, sae, token_ids, progress=False)
    for name in ("model", "sae"):
        ours = ledger.rows[f"nll_{name}"].dropna().to_numpy().reshape(N, CONTEXT - 1)
        theirs = two_passes(float_model, sae, token_ids, name == "sae").numpy()
        assert np.abs(ours - theirs).max() < 1e-4
    assert (ledger.rows["nll_sae"] - ledger.rows["nll_model"]).abs().mean() > 0.05
    dense = sae.encode(prefix_of(float_model, token_ids))
    assert ledger.rows["n_active"].tolist() == (dense > 0).sum(-1).flatten().tolist()


def prefix_of(model: Any, token_ids: torch.Tensor) -> torch.Tensor:
    return model.run_with_cache(token_ids, names_filter=HOOK)[1][HOOK]


def test_model_and_sae_stay_as_they_are(
    folder: Path, token_ids: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, sae = tiny_model(folder), fitting_sae()
    model.train()
    model.blocks[0].eval()
    for weight in model.parameters():
        weight.data = weight.data.contiguous()
    model.blocks[1].attn.W_Q.requires_grad_(True)
    modes = [module.training for module in model.modules()]
    weights = {name: (w, w.stride(), w.clone()) for name, w in model.named_parameters()}
    codes = {name: w.clone() for name, w in sae.state_dict().items()}
    settings = sae.cfg.to_dict()

    def check() -> None:
        assert [module.training for module in model.modules()] == modes
        for name, weight in model.named_parameters():
            known, stride, values = weights[name]
            assert weight is known and weight.stride() == stride and torch.equal(weight, values)
        assert model.blocks[1].attn.W_Q.requires_grad
        assert all(torch.equal(w, codes[name]) for name, w in sae.state_dict().items())
        assert sae.cfg.to_dict() == settings

    semdim.measure(model, sae, token_ids, progress=False)
    check()
    strides: list[bool] = []

    def fails(*_: Any, **__: Any) -> None:
        W_Q = model.blocks[1].attn.W_Q
        strides.append(W_Q.stride() == weights["blocks.1.attn.W_Q"][1])
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["semdim.steps"], "encode_codes", fails)
    with pytest.raises(KeyboardInterrupt):
        semdim.measure(model, sae, token_ids, progress=False)
    assert strides == [False]  # laid out meanwhile
    check()


def test_texts_are_packed_and_counted(float_model: Any) -> None:
    text = "".join(standard_library_text())
    texts = [text[:4000], "too short", text[9000:11000]]
    ledger = measured(float_model, texts, context=CONTEXT, max_sequences_per_document=7, corpus="a")
    facts = ledger.facts
    assert facts.n_documents == 2 and facts.n_sequences == 14 and facts.n_tokens == 14 * CONTEXT
    assert set(facts.documents) == {"text 0", "text 2"} and facts.corpus == "a"
    assert facts.counts["documents_too_short"] == 1
    assert (ledger.rows.loc[ledger.rows["position"] == 0, "token_id"] == 0).all()
    part = measured(float_model, texts, context=CONTEXT, n_tokens=40, max_sequences_per_document=7)
    assert part.facts.n_sequences == 3
    assert part.rows["token_id"].tolist() == ledger.rows["token_id"].tolist()[: 3 * CONTEXT]
    with pytest.raises(DataError, match="lower n_tokens"):
        measured(float_model, texts, context=CONTEXT, n_tokens=10**6)
    with pytest.raises(DataError, match="list of texts"):
        measured(float_model, text)


def test_texts_that_the_sae_was_trained_on_are_left_out(float_model: Any, tmp_path: Path) -> None:
    sae_folder(tmp_path / "mine", "standard", metadata={"hook_name": HOOK, "prepend_bos": True})
    texts = ["".join(standard_library_text())[3000 * at : 3000 * at + 600] for at in range(4)]
    options = {"context": CONTEXT, "progress": False}
    whole = semdim.measure(float_model, tmp_path / "mine", texts, **options)
    assert whole.facts.independence is None
    write_training_text(training_text_of([texts[2]], share=1.0), tmp_path / "mine")
    with pytest.warns(UserWarning, match="1 of 4 texts overlap with the training text of mine"):
        kept = semdim.measure(float_model, tmp_path / "mine", texts, **options)
    assert kept.facts.independence == Independence(apart_from=("mine",))
    assert kept.facts.n_documents == 3
    everything = semdim.measure(float_model, tmp_path / "mine", texts, apart=False, **options)
    assert everything.rows.equals(whole.rows) and everything.facts.independence is None
    with pytest.raises(DataError, match=r"1 of 1 texts overlap .* `apart=False`"):
        semdim.measure(float_model, tmp_path / "mine", [texts[2]], **options)


def test_documents_are_given_with_ids(float_model: Any, token_ids: torch.Tensor) -> None:
    labels = [7] * 5 + [3] * 8
    ledger = measured(float_model, token_ids.numpy(), documents=labels, n_tokens=6 * CONTEXT)
    assert ledger.facts.documents == ("3", "7") and ledger.facts.n_sequences == 6
    assert ledger.rows["document"].tolist() == [1] * 5 * CONTEXT + [0] * CONTEXT
    assert ledger.rows.groupby("position")["is_bos"].sum().tolist() == [6, *[0] * 6, 1, *[0] * 8]
    with pytest.raises(DataError, match="one number for each of the 13 sequences"):
        measured(float_model, token_ids, documents=[0, 1])


def test_a_folder_is_the_object_that_was_saved_to_it(
    tmp_path: Path, float_model: Any, token_ids: torch.Tensor
) -> None:
    metadata = {"hook_name": HOOK, "prepend_bos": True}
    sae = sae_folder(tmp_path / "sae", "jumprelu", metadata=metadata)
    rows = measured(float_model, token_ids).rows
    options: dict[str, Any] = {"progress": False, "batch_sequences": 3, "shard_sequences": 5}
    assert semdim.measure(float_model, sae, token_ids, **options).rows.equals(rows)
    facts = export_sae(SAESource(kind="folder", path=str(tmp_path / "sae")), tmp_path / "exported")
    for folder in ("sae", "exported"):
        ledger = semdim.measure(float_model, tmp_path / folder, token_ids, **options)
        assert ledger.rows.equals(rows)
        assert ledger.facts.sae_fingerprint == facts.fingerprint


def test_a_proxy_from_outside_is_a_column(float_model: Any, token_ids: torch.Tensor) -> None:
    import tests.fixtures.first_atoms_proxy  # noqa: F401 - it registers itself

    names = ("model", "sae", "first_atoms_96", "first_atoms_9_all", "first_atoms_1")
    ledger = measured(float_model, token_ids, proxies=names)
    rows = ledger.rows
    assert rows["nll_first_atoms_96"].equals(rows["nll_sae"])  # all atoms of the dictionary
    assert not rows["nll_first_atoms_1"].equals(rows["nll_sae"])
    assert ledger.facts.proxies["first_atoms_9_all"] == "all"
    assert parse_proxy("first_atoms_9").says == "S(h) with codes restricted to atoms 0 to 9 − 1"
    with pytest.raises(ConfigError, match="at most 96"):
        measured(float_model, token_ids, proxies=("model", "first_atoms_97"))
    with pytest.raises(ConfigError, match="first_atoms_<n>"):
        parse_proxy("first_atoms")


def test_what_does_not_belong_together_is_refused(
    float_model: Any, token_ids: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(sae: Any = None, ids: Any = token_ids, **options: Any) -> None:
        semdim.measure(float_model, sae or fitting_sae(), ids, progress=False, **options)

    with pytest.raises(ConfigError, match="'model'"):
        run(proxies=["sae"])
    with pytest.raises(ConfigError, match="order of the atoms"):
        run(proxies=["model", "pool_3"])
    with pytest.raises(DataError, match="from 0 to 95 exactly once"):
        run(atom_order=torch.arange(95))
    with pytest.raises(DataError, match="outside the model's vocabulary of 500"):
        run(ids=token_ids + 450)
    with pytest.raises(DataError, match="2 or more tokens"):
        run(ids=token_ids[:, :1])
    with pytest.raises(MismatchError, match="trained on gpt2-small"):
        run(fitting_sae(model_name="gpt2-small"))
    with pytest.raises(MismatchError, match="come without it"):
        run(ids=token_ids[:, 1:])
    with pytest.raises(MismatchError, match="numbered 0 to 2"):
        run(hook_name="blocks.3.hook_resid_pre")
    with pytest.raises(MismatchError, match="longer than the 64"):
        run(ids=torch.cat([token_ids] * 5, dim=1))
    without = fitting_sae()
    del without.cfg.metadata.hook_name
    with pytest.raises(MismatchError, match="`hook_name`"):
        run(without)
    run(without, hook_name=HOOK)
    monkeypatch.setattr(float_model, "tokenizer", None)
    with pytest.raises(ConfigError, match="no tokenizer with a BOS"):
        run(ids=["a text"])
    with pytest.raises(ConfigError, match="token ids instead of texts"):
        run(ids=["a text"], bos_token_id=0)
    run()  # BOS is what all sequences start with


def test_importing_semdim_is_light() -> None:
    code = (
        "import sys, semdim\n"
        "assert not {'torch', 'pandas', 'pyarrow', 'numpy'} & set(sys.modules), 'heavy'\n"
        "assert semdim.SemdimError and set(semdim.__all__) <= set(dir(semdim))\n"
        "assert 'torch' not in sys.modules\n"
        "assert not hasattr(semdim, 'nothing_like_it')\n"
        "import semdim.ledger.facts as facts\n"
        "assert semdim.LedgerFacts is facts.LedgerFacts and 'torch' not in sys.modules\n"
        "import semdim.measure\n"
        "assert callable(semdim.measure)  # the function, not its module\n"
        "from semdim.measure import measure\n"
        "assert semdim.measure is measure\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
