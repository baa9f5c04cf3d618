"""What the stages range over follows from probes and corpora: in order, and without repeats."""

from typing import Any

from semdim.axes import FIRST, axes


def probe(model: str, hook: str) -> dict[str, Any]:
    return {"model": model, "hook": hook, "sae": {}}


PROBES = {
    "a": probe("m", "h1"),
    "b": probe("m", "h2"),
    "c": probe("n", "h1"),
    "d": probe("m", "h1"),
}
CORPORA = {
    "english": {"role": "id"},
    "python": {"role": "shifted"},
    "unused": {"role": "far"},
    "plain": {},
}


def found(*probes: str, corpora: tuple[str, ...] = ("english", "python")) -> dict[str, Any]:
    return axes({name: PROBES[name] for name in probes}, {"corpus": list(corpora)}, CORPORA)


def test_probes_are_chained_in_their_order() -> None:
    result = found("b", "a")
    assert result["probe"] == [
        {"probe": "b", "model": "m", "hook": "h2", "after": FIRST},
        {"probe": "a", "model": "m", "hook": "h1", "after": "b"},
    ]
    assert result["last_probe"] == "a"


def test_answers_are_among_what_a_run_gathers_where_questions_are_asked() -> None:
    assert found("a")["asked"] == "params.yaml"
    asked = axes({"a": PROBES["a"]}, {"corpus": ["english"], "questions": ["capitals"]}, CORPORA)
    assert asked["asked"] == "answers"


def test_probes_of_one_hook_share_it() -> None:
    result = found("a", "b", "c", "d")
    assert result["hook"] == [
        {"model": "m", "hook": "h1"}, {"model": "m", "hook": "h2"}, {"model": "n", "hook": "h1"},
    ]  # fmt: skip
    assert len(result["probe"]) == 4


def test_a_models_own_losses_go_on_from_the_hook_of_its_first_probe() -> None:
    assert found("b", "c", "a")["model"] == [
        {"model": "m", "hook": "h2"}, {"model": "n", "hook": "h1"},
    ]  # fmt: skip


def test_one_more_probe_leaves_what_was_there_as_it_is() -> None:
    """Stages are named by place (probe0, …), so a probe that is added last reruns no other."""
    before, after = found("a", "b"), found("a", "b", "c")
    for name in ("probe", "hook", "model"):
        assert after[name][: len(before[name])] == before[name]
    assert after["corpus"] == before["corpus"]


def test_corpora_are_chained_and_have_their_roles() -> None:
    result = found("a", corpora=("python", "english", "plain"))
    assert result["corpus"] == [
        {"corpus": "python", "after": FIRST},
        {"corpus": "english", "after": "python"},
        {"corpus": "plain", "after": "english"},
    ]
    assert result["last_corpus"] == "plain"
    assert result["role"] == {"python": "shifted", "english": "id", "plain": "id"}


def test_a_corpus_of_the_grid_that_is_not_configured_has_no_role() -> None:
    """`semdim.settings` refuses it with its own words."""
    assert found("a", corpora=("english", "nowhere"))["role"] == {"english": "id"}


def test_nothing_chosen_has_no_links() -> None:
    empty = axes({}, {}, {})
    assert empty["probe"] == empty["hook"] == empty["model"] == empty["corpus"] == []
    assert empty["last_probe"] == empty["last_corpus"] == FIRST
