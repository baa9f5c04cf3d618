"""Model sources: what each kind needs, and what it refuses."""

import re

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
        ({"kind": "cloud"}, "source.kind = 'cloud' must be one of hub, folder"),
        ({"repo": "a/b"}, "source lacks kind (one of hub, folder"),
        ({"kind": "hub"}, "source.repo is missing: the kind hub needs it"),
        (
            {"kind": "hub", "repo": "a/b", "path": "x"},
            "source.path = 'x' must be left out",
        ),
        ({"kind": "hub", "repo": "a/b", "rope": 1}, "has no setting 'rope'; it has kind, name"),
        (
            {"kind": "hub", "repo": "a/b", "bos_token_id": -1},
            "bos_token_id = -1 must be a",
        ),
        (
            {"kind": "hub", "repo": "a/b", "bos_token_id": "zero"},
            "= 'zero' must be a whole number",
        ),
        ({"kind": "hub", "repo": 3}, "repo = 3 must be a text"),
        ({"kind": "gguf_package", "package": "p"}, "source.name is missing"),
        (TINY | {"architecture": "rnn"}, "architecture = 'rnn' must be one of llama, gpt2"),
        (TINY | {"n_layers": 0}, "n_layers = 0 must be a whole number between 1"),
        (TINY | {"vocab_size": 100}, "vocab_size = 100 must be a whole number between 300"),
        (TINY | {"d_model": 36}, "multiple of 2·n_heads = 8"),
        (TINY | {"seed": True}, "seed = True must be a whole number"),
    ],
)
def test_contradictions_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        ModelSource.from_mapping(settings)


def test_no_processing_is_the_default() -> None:
    assert not any(WeightProcessing().as_dict().values())
