"""Model sources: what each kind needs, and what it refuses."""

import pytest

from semdim.errors import ConfigError
from semdim.models.spec import ModelSource, WeightProcessing

TINY = {
    "kind": "random",
    "architecture": "llama",
    "n_layers": 2,
    "d_model": 32,
    "n_heads": 4,
    "vocab_size": 512,
    "n_context": 64,
    "seed": 0,
}


def test_sources_survive_a_round_trip_through_plain_values() -> None:
    for settings in (
        TINY,
        {"kind": "hub", "repo": "a/b", "revision": "v1"},
        {"kind": "folder", "path": "x", "bos_token_id": 0},
        {"kind": "gguf_package", "package": "p", "name": "n"},
    ):
        assert ModelSource.from_mapping(settings).as_dict() == settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "cloud"}, "unknown kind 'cloud'; expected one of hub, folder"),
        ({"repo": "a/b"}, "`kind` is missing"),
        ({"kind": "hub"}, "`repo` is missing"),
        ({"kind": "hub", "repo": "a/b", "path": "x"}, "does not use `path`"),
        ({"kind": "hub", "repo": "a/b", "rope": 1}, "unknown setting 'rope'"),
        ({"kind": "hub", "repo": "a/b", "bos_token_id": -1}, "-1 is negative"),
        ({"kind": "hub", "repo": "a/b", "bos_token_id": "zero"}, "'zero' is not of type int"),
        ({"kind": "hub", "repo": 3}, "repo = 3 is not of type str"),
        ({"kind": "gguf_package", "package": "p"}, "`name` is missing"),
        (TINY | {"architecture": "rnn"}, "use llama or gpt2"),
        (TINY | {"n_layers": 0}, "n_layers is 0; expected at least 1"),
        (TINY | {"vocab_size": 100}, "expected at least 300"),
        (TINY | {"d_model": 36}, "multiple of 2·n_heads = 8"),
        (TINY | {"seed": True}, "not of type int"),
    ],
)
def test_contradictions_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        ModelSource.from_mapping(settings)


def test_no_processing_is_the_default() -> None:
    assert not any(WeightProcessing().as_dict().values())
