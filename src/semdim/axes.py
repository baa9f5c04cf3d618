"""What the stages of dvc.yaml range over, worked out from the chosen probes and corpora.

A *probe* is an SAE at a hook point of a model. Probes of one hook share its activations, and those
of one model its tokens and its own losses. dvc.yaml takes these lists from params.yaml, where they
stand under ``axes``: generated, never edited.

``first`` stands for no predecessor: corpora and probes are chained, so that the stages which join
them depend on exactly the ones of this run, and not on a folder in which others may lie.
"""

from collections.abc import Iterable, Mapping
from typing import Any

FIRST = "first"


def axes(
    probes: Mapping[str, Mapping[str, Any]],
    grid: Mapping[str, Any],
    corpora: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The section ``axes`` of params.yaml.

    Args:
        probes: the section ``probes``: each names its model and its hook.
        grid: the section ``grid``.
        corpora: the section ``corpora``.

    Returns:
        ``probe`` {probe, model, hook, after}, ``hook`` {model, hook} without repeats, ``model``
        {model, hook} with the hook of the model's first probe, ``corpus`` {corpus, after}, the last
        probe and corpus of their chains, ``role`` by corpus, and ``asked``: what stands for the
        answers in a probe's results, the folder where sets of questions are asked, else a file
        that every run writes.
    """
    names = list(probes)
    of_probes = [
        {
            "probe": name,
            "model": probes[name]["model"],
            "hook": probes[name]["hook"],
            "after": after,
        }
        for name, after in _chained(names)
    ]
    hooks = _distinct({"model": probe["model"], "hook": probe["hook"]} for probe in of_probes)
    first_hooks = {hook["model"]: hook for hook in reversed(hooks)}
    listed = list(grid.get("corpus") or ())
    return {
        "probe": of_probes,
        "last_probe": names[-1] if names else FIRST,
        "hook": hooks,
        "model": [first_hooks[name] for name in dict.fromkeys(hook["model"] for hook in hooks)],
        "corpus": [{"corpus": name, "after": after} for name, after in _chained(listed)],
        "last_corpus": listed[-1] if listed else FIRST,
        "asked": "answers" if grid.get("questions") else "params.yaml",
        "role": {name: corpora[name].get("role") or "id" for name in listed if name in corpora},
    }


def _chained(names: list[str]) -> list[tuple[str, str]]:
    return list(zip(names, [FIRST, *names], strict=False))


def _distinct(entries: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return [dict(pairs) for pairs in dict.fromkeys(tuple(entry.items()) for entry in entries)]
