"""Settings that nobody can mean: each ends in one sentence that names the setting and the value."""

import copy
import math
import re
from typing import Any

import pytest

from semdim.errors import SemdimError
from semdim.fields import LARGEST_SEED, names
from semdim.naming import LONGEST, reserved
from semdim.paths import folder_names
from stages.support.configuration import checked, composed, plain

Params = dict[str, Any]
REMOVED = object()
MODEL, PROBE = "smollm2-135m", "smollm2-135m_layer15"
HUGE, NAN, INF = 10**400, math.nan, math.inf
BASE = plain(composed([]))
del BASE["axes"]  # they follow from the rest, and are refused by themselves

#: Name of the setting, the value, and what the sentence must hold beside its last name.
BAD: list[tuple[str, Any, str]] = []


def bad(setting: str, *values: Any, says: str | None = None) -> None:
    for value in values:
        BAD.append((setting, value, says if says is not None else _shown(value)))


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    return "1" + "0" * 30 if value is HUGE else repr(value)


NOT_WHOLE = (HUGE, NAN, INF, -1, 1.5, True, "3")
WRONG_SECTIONS = (None, "x", [], 3)

for section in ("models", "probes", "corpora"):
    bad(section, {}, *WRONG_SECTIONS)
for section in ("tokens", "grid", "engine", "bound", "surface", "uncertainty", "tracking"):
    bad(section, *WRONG_SECTIONS)
    bad(section, {}, says="lacks")
    bad(section, REMOVED, says="lacks")
for entry in (f"models.{MODEL}", f"probes.{PROBE}", "corpora.english"):
    bad(entry, *WRONG_SECTIONS)
    bad(entry, {}, says="lacks")
bad(f"probes.{PROBE}.sae", *WRONG_SECTIONS)

# Required settings that were taken out: defaults stand in conf/, nowhere else.
for removed in (
    "bound.failure_prob", "bound.smoothing", "bound.n_tokens", "bound.seed", "tokens.context",
    "tokens.max_sequences_per_document", "grid.sample", "grid.sweep", "grid.pool", "splice", "seed",
    "engine.compute_dtype", "engine.n_threads", "surface.k", "uncertainty.fit_share", "plugins",
    "tracking.mode", f"models.{MODEL}.package", f"probes.{PROBE}.hook", f"probes.{PROBE}.sae.path",
    "corpora.english.kind",
):  # fmt: skip
    bad(removed, REMOVED, says="")

# The grid.
bad("grid.model", [], "smollm2-135m", None, {}, [MODEL, MODEL])
bad("grid.model", [None], says="model[0] = null")
bad("grid.model", ["nope"], [MODEL, "nope"], says="'nope'")
bad("grid.probe", [], None, [""], says="")
bad("grid.probe", ["nope"], says="'nope'")
bad("grid.corpus", [], None, "english")
bad("grid.corpus", ["english", "nope"], says="'nope'")
bad("grid.sample", None, "nope", 3, [], "")
bad("grid.sample", "python", says="corpora.python.role = 'shifted'")
bad("grid.sample", "random", says="'random' is of kind 'random'")
for key in ("proxy", "sweep", "ablation", "pool"):
    bad(f"grid.{key}", None, "model", says="")
    bad(f"grid.{key}", [""], ["  "], [3], says=f"{key}[0]")
bad("grid.proxy", [], says="proxy lacks 'model'")
bad("grid.proxy", ["model"], says="proxy lacks 'sae'")
bad("grid.sweep", ["topk_04", "topk_4"], says="'topk_04'")
bad("grid.sweep", ["topk_0"], says="'topk_0'")
bad("grid.sweep", ["topk_" + "9" * 5000], says="9999")
bad("grid.sweep", ["topk_10000000000"], says="topk_10000000000")
bad("grid.sweep", ["topk_16\n"], ["topk_-4"], ["topk_1e3"], ["TOPK_16"], says="unknown")
bad("grid.pool", ["pool_0512"], says="pool_0512")
bad("grid.pool", ["topk_4"], says="topk_4")
bad("grid.ablation_tokens", 0, *NOT_WHOLE, 200_000)

# Roles.
bad("corpora.english.role", "far", "ID", 3)
bad("corpora.random.role", "id")
bad("corpora.python.role", "id")

# Counts, and how large they may be.
for count, too_many in (
    ("tokens.context", 2**20 + 1),
    ("tokens.max_sequences_per_document", 10**9),
    ("corpora.english.n_tokens", 10**11),
    ("corpora.english.min_characters", 10**10),
    (f"probes.{PROBE}.n_candidates", 10**9),
    (f"probes.{PROBE}.sae.context_size", 10**9),
    (f"models.{MODEL}.bos_token_id", 10**9),
    ("bound.windows_per_document", 10**9),
    ("bound.k", 10**9),
    ("bound.n_predeclared", 10**9),
    ("bound.sparsity_bins", 10**9),
    ("uncertainty.n_resamples", 10**9),
    ("uncertainty.n_splits", 10**9),
    ("uncertainty.histogram_bins", 10**9),
    ("uncertainty.roc_points", 10**9),
    ("uncertainty.n_clusters", 10**9),
    ("uncertainty.neighbour_tokens", 10**9),
    ("uncertainty.neighbour", 10**9),
    ("uncertainty.window", 10**9),
    ("uncertainty.fixed_threshold", 10**9),
    ("engine.batch_sequences", 10**9),
    ("engine.shard_sequences", 10**9),
    ("engine.n_threads", 10**9),
):
    bad(count, *NOT_WHOLE)
    bad(count, too_many, says=f"{too_many} must be a whole number")
for sizes in (
    "bound.n_tokens", "bound.topk_grid", "bound.pool_sizes", "bound.declared_n_tokens",
    "surface.n_tokens", "surface.k", "uncertainty.guardrail_looks",
):  # fmt: skip
    bad(sizes, "x", {}, [2, 1], [2, 2])
    bad(sizes, [HUGE], [NAN], [INF], [0], [True], [None], says=f"{sizes.split('.')[1]}[0] = ")
    bad(sizes, [10**11], says="since ")
    bad(sizes, list(range(1, 2000)), says="at most 1,000 entries, not 1,999")
bad("bound.n_tokens", [], None)
bad("bound.n_tokens", [1000, 10**6], says="1,000,000 tokens, but the corpus 'english'")
bad("surface.n_tokens", [10**6], says="1,000,000 tokens, but the corpus 'english'")
bad("bound.windows_per_document", 5)
bad("uncertainty.window", 128)
bad("uncertainty.n_clusters", 200_000, says="200000 must be a whole number")

# Probabilities, and other numbers.
for share in (
    "bound.failure_prob", "bound.smoothing", "bound.bet_cap", "bound.calibration_fraction",
    "uncertainty.fit_share", "uncertainty.confidence", "uncertainty.false_alarm_rate",
):  # fmt: skip
    bad(share, 0, 1, -0.1, NAN, INF, 1e-320, None, "0.5", True)
bad("corpora.english.near_duplicates", 0, 2, NAN, "x")
bad(f"probes.{PROBE}.sae.input_scale", 0, INF, NAN, 1e-320)
for seed in ("seed", "bound.seed"):
    bad(seed, LARGEST_SEED + 1, 2**63, 2**64, None, *NOT_WHOLE)

# Choices and texts.
bad("splice", "some", 3, [], None)
bad("tokens.prepend_bos", False, "yes", 1, None)
bad("bound.method", "x", 3, None)
bad("engine.device", "tpu", None)
bad("engine.store_activations", "yes", None)
bad("tracking.project", "", "  ", None, 3)
bad("tracking.group", "", 3)
bad("plugins", "x", 3, None, {})
bad("plugins", [""], [3], ["nowhere.at.all"], [".x"], says="plugin")
bad("corpora.english.only", [""], [3], says="only[0]")
bad("corpora.english.exclude", "", " ", says="exclude")
bad("corpora.english.kind", "nope", 3)
bad("uncertainty.guardrail_candidates", [], None, "x")
bad("uncertainty.guardrail_candidates", ["sequence_meen"], says="Did you mean 'sequence_mean'?")
bad("uncertainty.guardrail_statistics", ["nope"], says="'nope'")
for hook in (
    "x", "blocks.-1.hook_resid_pre", "blocks.015.hook_resid_pre", "blocks.15.hook_resid_pre\n",
    "blocks.99999999999999999999.hook_resid_pre", "blocks.1.hook_resid_pre+", "blocks.1.hook_mlp",
    "blocks.1.hook_resid_pre+fold_ln+center_unembed", "",
):  # fmt: skip
    bad(f"probes.{PROBE}.hook", hook)
bad("colour", None, 1, says="no setting 'colour'")


def changed(params: Params, setting: str, value: Any) -> Params:
    """The parameters with another value of one setting; `REMOVED` takes it out."""
    section, parts = params, setting.split(".")
    for name in parts[:-1]:
        section = section[name]
    if value is REMOVED:
        del section[parts[-1]]
    else:
        section[parts[-1]] = value
    return params


def sentence(params: Params) -> str:
    """What refuses the parameters: one line that ends as a sentence does."""
    with pytest.raises(SemdimError) as caught:
        checked(params)
    message = str(caught.value)
    assert "\n" not in message and message.endswith((".", "?")), message
    assert len(message) < 600, message
    return message


@pytest.mark.parametrize(
    ("setting", "value", "says"), BAD, ids=[f"{s}-{n}" for n, (s, _, _) in enumerate(BAD)]
)
def test_a_setting_that_nobody_can_mean_is_refused_in_a_sentence(
    setting: str, value: Any, says: str
) -> None:
    message = sentence(changed(copy.deepcopy(BASE), setting, value))
    assert setting.split(".")[-1].rstrip("s") in message or setting in message, message
    assert says in message, message


def test_there_are_enough_of_them() -> None:
    assert len(BAD) > 400
    checked(copy.deepcopy(BASE))  # and the settings that they were made from are possible


NAMES = [
    "model", "sae", "ledger", "scores", "atom_order", "partial", "params_checked", "training",
    "SAE", "Ledger", "first", "export", "hooks", "codes", "nul", "COM1",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", ["models", "probes", "corpora"])
def test_a_name_that_a_folder_has_is_refused(what: str, name: str) -> None:
    params = copy.deepcopy(BASE)
    params[what][name] = copy.deepcopy(next(iter(params[what].values())))
    assert f"The name {name!r} in {what} is reserved by" in sentence(params)


@pytest.mark.parametrize(
    ("what", "twin"),
    [("models", "SmolLM2-135M"), ("probes", "smollm2-135M_layer15"), ("corpora", "English")],
)
def test_names_that_differ_in_case_alone_are_refused(what: str, twin: str) -> None:
    params = copy.deepcopy(BASE)
    params[what][twin] = copy.deepcopy(next(iter(params[what].values())))
    assert f"and {twin!r} in {what} differ only in case" in sentence(params)


@pytest.mark.parametrize("name", ["a b", "a\n", "ä", "", "../x", "a.b", "x" * (LONGEST + 1), "[b]"])
def test_a_name_that_is_no_name_of_a_file_is_refused(name: str) -> None:
    params = copy.deepcopy(BASE)
    params["corpora"][name] = copy.deepcopy(params["corpora"]["random"])
    assert "in corpora" in sentence(params)


def test_every_folder_of_the_outputs_is_reserved() -> None:
    found = folder_names()
    assert {"outputs", "results", "models", "probes", "export", "tokens", "losses", "hooks"} < found
    assert {"activations", "scores", "sae", "codes", "ledger", "inputs", "partial"} < found
    assert found < reserved() and not any("\0" in name for name in found)


def test_a_corpus_without_a_role_is_the_familiar_one() -> None:
    params = plain(composed([]))
    params["corpora"]["english"]["role"] = None
    checked(params)  # its axes say id, as for a corpus whose role is left out


def test_every_count_has_a_limit_and_a_reason() -> None:
    from dataclasses import fields

    from semdim.bounds.spec import BoundSpec
    from semdim.bounds.surface import SurfaceSpec
    from semdim.forward.spec import EngineSpec
    from semdim.models.spec import ModelSource
    from semdim.saes.spec import SAESource
    from semdim.settings import GridSpec, ProbeSpec, Settings, TokensSpec
    from semdim.text.spec import TextSpec
    from semdim.uncertainty.spec import UncertaintySpec

    classes: list[Any] = [
        BoundSpec, SurfaceSpec, EngineSpec, ModelSource, SAESource, GridSpec, ProbeSpec, Settings,
        TokensSpec, TextSpec, UncertaintySpec,
    ]  # fmt: skip
    n_counts = 0
    for cls in classes:
        assert names(cls)
        for entry in fields(cls):
            if not re.search(r"\bint\b", str(entry.type)):
                continue
            rules = entry.metadata["rules"]
            assert rules.at_most is not None and rules.because, f"{cls.__name__}.{entry.name}"
            n_counts += 1
    assert n_counts > 35
