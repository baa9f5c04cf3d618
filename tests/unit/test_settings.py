"""The typed view of params.yaml: what is unknown, reserved or contradictory is refused by name."""

import copy
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from semdim.axes import axes
from semdim.errors import ConfigError, MismatchError
from semdim.registry import load_plugins
from semdim.settings import read_settings
from stages.support.configuration import checked, composed, plain
from stages.support.sources import write_sources

Params = dict[str, Any]
SMOKE = plain(composed(["experiment=smoke"]))


@pytest.fixture
def params() -> Params:
    return copy.deepcopy(SMOKE)


def settled(params: Params) -> Params:
    """With the axes that follow from the rest, as a composition has them."""
    params["axes"] = axes(params["probes"], params["grid"], params["corpora"])
    return params


def renamed(params: Params, what: str, key: str, old: str, new: str) -> Params:
    params[what] = {new if name == old else name: v for name, v in params[what].items()}
    params["grid"][key] = [new if name == old else name for name in params["grid"][key]]
    return params


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ((), "colour"),
        (("models", "tiny"), r"models\.tiny.*colour|colour.*models\.tiny"),
        (("probes", "tiny"), "colour"),
        (("probes", "tiny", "sae"), "colour"),
        (("corpora", "english"), r"corpora\.english.*colour"),
        (("tokens",), "colour"),
        (("grid",), "colour"),
        (("engine",), "colour"),
        (("bound",), "colour"),
        (("surface",), "colour"),
        (("uncertainty",), "colour"),
        (("rounding",), "colour"),
        (("tracking",), "colour"),
    ],
)
def test_an_unknown_setting_is_named_in_every_section(
    params: Params, where: tuple[str, ...], message: str
) -> None:
    section = params
    for name in where:
        section = section[name]
    section["colour"] = "red"
    with pytest.raises(ConfigError, match=message):
        read_settings(params)


def test_a_mistyped_setting_is_told_the_right_name(params: Params) -> None:
    params["bound"]["failure_probs"] = params["bound"].pop("failure_prob")
    with pytest.raises(ConfigError, match=r"failure_probs.*failure_prob"):
        read_settings(params)


@pytest.mark.parametrize("section", ["tokens", "grid", "engine", "bound", "probes", "splice"])
def test_a_missing_section_is_named(params: Params, section: str) -> None:
    del params[section], params["axes"]
    with pytest.raises(ConfigError, match=section):
        read_settings(params)


@pytest.mark.parametrize("name", ["first", "a/b", "../up", "a b", "-x", ".hidden", "a.b", "ä"])
@pytest.mark.parametrize(
    ("what", "key", "old"),
    [("models", "model", "tiny"), ("probes", "probe", "tiny"), ("corpora", "corpus", "python")],
)
def test_names_that_cannot_be_folders_or_stages_are_refused(
    params: Params, name: str, what: str, key: str, old: str
) -> None:
    params = settled(renamed(params, what, key, old, name))
    with pytest.raises(
        ConfigError, match=rf"name {re.escape(repr(name))} in {what} (must consist|is reserved)"
    ):
        read_settings(params)


@pytest.mark.parametrize("name", ["a", "0", "smollm2-135m_layer15", "A-b_C"])
def test_other_names_are_accepted(params: Params, name: str) -> None:
    params = settled(renamed(params, "probes", "probe", "tiny", name))
    assert read_settings(params).grid.probe == (name,)


@pytest.mark.parametrize("key", ["model", "probe", "corpus"])
def test_names_of_the_grid_have_to_be_configured(params: Params, key: str) -> None:
    params["grid"][key] = [*params["grid"][key], "nowhere"]
    known = {"model": "tiny", "probe": "tiny", "corpus": "english, python, random"}[key]
    with pytest.raises(ConfigError) as caught:
        read_settings(settled(params))
    assert str(caught.value) == (
        f"grid.{key} names 'nowhere', which is not configured: choose among {known}, or add a "
        f"file to conf/{key}."
    )


@pytest.mark.parametrize("key", ["model", "probe", "corpus"])
@pytest.mark.parametrize("value", [[], ["tiny", "tiny"], "tiny", None, [3]])
def test_lists_of_the_grid_are_lists_of_distinct_names(
    params: Params, key: str, value: object
) -> None:
    del params["axes"]
    params["grid"][key] = value
    with pytest.raises(ConfigError, match=rf"grid(\.| lacks ){key}"):
        read_settings(params)


def test_a_probe_of_a_model_that_is_not_configured(params: Params) -> None:
    params["probes"]["tiny"]["model"] = "gpt9"
    with pytest.raises(ConfigError, match=r"probes\.tiny\.model = 'gpt9'.*\(tiny\).*/source/gpt9"):
        read_settings(settled(params))


@pytest.mark.parametrize(
    "hook",
    ["blocks.1", "hook_resid_post", "blocks.x.hook_resid_post", "a/b", "blocks.01.hook_resid_pre"],
)
def test_a_hook_point_that_does_not_exist_is_refused(params: Params, hook: str) -> None:
    params["probes"]["tiny"]["hook"] = hook
    with pytest.raises(MismatchError, match=r"hook point .* is not supported.*hook_resid_pre"):
        read_settings(settled(params))


def test_an_unknown_rewriting_of_weights_is_refused(params: Params) -> None:
    params["probes"]["tiny"]["hook"] += "+centre_everything"
    with pytest.raises(ConfigError, match=r"centre_everything.*choose among center_unembed"):
        read_settings(settled(params))


EDITS: dict[str, Callable[[Params], object]] = {
    "a role": lambda axes: axes["role"].update(python="near"),
    "an order": lambda axes: axes["corpus"].reverse(),
    "a link": lambda axes: axes["corpus"][1].update(after="first"),
    "an end": lambda axes: axes.update(last_probe="another"),
    "a hook": lambda axes: axes["hook"][0].update(hook="blocks.0.hook_resid_pre"),
    "a probe more": lambda axes: axes["probe"].append(axes["probe"][0]),
    "a key": lambda axes: axes.update(more=1),
    "nothing left": lambda axes: axes.clear(),
}


@pytest.mark.parametrize("edit", EDITS)
def test_axes_that_were_edited_by_hand_are_refused(params: Params, edit: str) -> None:
    EDITS[edit](params["axes"])
    with pytest.raises(ConfigError, match=r"axes must follow.*check_params --write"):
        read_settings(params)


def test_without_axes_there_is_nothing_to_check(params: Params) -> None:
    with_axes = read_settings(params)
    del params["axes"]
    assert read_settings(params | {"unit": {"probe": "tiny"}}) == with_axes


def test_hooks_hold_their_probes(params: Params) -> None:
    params["probes"]["tiny_b"] = params["probes"]["tiny"]
    params["probes"]["early"] = {**params["probes"]["tiny"], "hook": "blocks.0.hook_resid_pre"}
    params["grid"]["probe"] = ["tiny", "early", "tiny_b"]
    assert read_settings(settled(params)).hooks() == {
        ("tiny", "blocks.1.hook_resid_post"): ["tiny", "tiny_b"],
        ("tiny", "blocks.0.hook_resid_pre"): ["early"],
    }


@pytest.fixture
def poem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Params]:
    """Settings that only a plugin makes possible; it lies in the project's folder."""
    for name in ("poem_corpus", "first_atoms_proxy"):
        text = (Path(__file__).parents[1] / f"fixtures/{name}.py").read_text()
        (tmp_path / f"my_{name}.py").write_text(
            text.replace('"poem"', '"sonnet"').replace('"first_atoms"', '"early_atoms"')
        )
    params = copy.deepcopy(SMOKE)
    params["plugins"] = ["my_poem_corpus", "my_first_atoms_proxy"]
    params["corpora"]["mine"] = {
        "kind": "sonnet", "role": "near", "n_tokens": 100, "verses": ["one", "two"],
    }  # fmt: skip
    params["grid"]["corpus"].append("mine")
    params["grid"]["sweep"].append("early_atoms_8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield settled(params)
    for name in ("my_poem_corpus", "my_first_atoms_proxy"):
        sys.modules.pop(name, None)


def test_plugins_are_imported_before_what_they_bring_is_checked(poem: Params) -> None:
    assert checked(poem) == poem
    settings = read_settings(poem)
    assert settings.corpora["mine"].kind == "sonnet"
    assert settings.grid.further()[2] == "early_atoms_8"


def test_the_record_of_plugins_changes_with_every_module_of_them(
    poem: Params, tmp_path: Path
) -> None:
    from semdim.paths import Paths

    (tmp_path / "mine").mkdir()
    for name in ("__init__", "rest"):
        (tmp_path / f"mine/{name}.py").write_text("")
    poem["plugins"].append("mine")
    load_plugins(poem["plugins"])
    paths = Paths(tmp_path)

    def record() -> bytes:
        write_sources(poem, paths)
        return paths.plugins.read_bytes()

    before = record()
    assert record() == before
    for file in ("my_poem_corpus.py", "mine/__init__.py", "mine/rest.py"):
        edited = tmp_path / file
        edited.write_text(edited.read_text() + "# more\n")
        after = record()
        assert after != before, file
        before = after
    (tmp_path / "another.py").write_text("")
    assert record() == before
    sys.modules.pop("mine", None)


def test_a_choice_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"no conf/probe/tinny\.yaml.*tiny.*Did you mean 'tiny'"):
        composed(["probe=[tinny]"])
