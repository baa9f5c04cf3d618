"""dvc.yaml says the truth: what can change a number reruns what depends on it, and nothing else."""

import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from semdim.artifacts.code import imported_modules
from semdim.paths import Paths
from stages.support import dependencies
from stages.support.configuration import composed, plain
from stages.support.sources import write_sources

ROOT = Path(__file__).resolve().parents[2]
PIPELINES = {
    name: (ROOT / name).read_text(encoding="utf-8") for name in ("dvc.yaml", "training/dvc.yaml")
}
STAGES = [
    (name, stage, module)
    for name, text in PIPELINES.items()
    for stage, module in dependencies.stage_modules(text).items()
    if module not in dependencies.CHECKS
]

RUN_THE_MODEL = {
    "cache_activations", "model_losses", "encode_codes", "compute_losses", "order_atoms",
    "further_losses", "fit_activations", "score_activations", "measure_rounding",
}  # fmt: skip
READ_CODES = {"compute_losses", "order_atoms", "further_losses", "write_ledger", "extend_ledger"}
BOUNDS = {"assemble_bound", "sweep_bound"}
LEDGERS = {"write_ledger", "extend_ledger"}
ALL = "every stage"
OPTIONAL = {"answer_questions"}
"""Stages that the made-up project does not have, since it chooses no questions."""
SUFFIXES = (".json", ".csv", ".parquet", ".yaml", ".html")


@pytest.mark.parametrize(("pipeline", "stage", "module"), STAGES)
def test_code_among_the_deps_is_what_a_stage_imports(
    pipeline: str, stage: str, module: str
) -> None:
    entry = yaml.safe_load(PIPELINES[pipeline])["stages"][stage]
    listed = [Path(dep) for dep in entry["deps"] if dep.startswith(("src/", "stages/"))]
    files = {
        path.relative_to(ROOT)
        for name, path in imported_modules(module).items()
        if name not in dependencies.TELLING
    }
    missing = [file for file in files if not any(file.is_relative_to(path) for path in listed)]
    assert not missing, "run `make params`"
    useless = [path for path in listed if not any(file.is_relative_to(path) for file in files)]
    assert not useless, "run `make params`"
    assert all((ROOT / path).exists() for path in listed)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_the_command_finds_nothing_to_write(pipeline: str) -> None:
    assert dependencies.in_step(PIPELINES[pipeline]) == PIPELINES[pipeline]


@pytest.mark.parametrize(
    ("stage", "module"), [entry[1:] for entry in STAGES if entry[0] == "dvc.yaml"]
)
def test_settings_among_the_params_are_those_that_a_stage_reads(stage: str, module: str) -> None:
    entry = yaml.safe_load(PIPELINES["dvc.yaml"])["stages"][stage]
    listed = {name.split(".${")[0] for name in entry.get("params", [])}
    assert listed == dependencies.settings_of(module)


def test_settings_are_found_where_they_are_read() -> None:
    assert dependencies.settings_of("stages.compute_losses") >= {"splice", "seed", "grid.proxy"}
    assert "uncertainty.neighbour" in dependencies.settings_of("stages.fit_activations")
    assert not dependencies.settings_of("stages.gather_ledgers")


@contextmanager
def edited(files: Iterable[str]) -> Iterator[None]:
    """A comment at the end of files."""
    before = {Path(file): Path(file).read_bytes() for file in files}
    for file, content in before.items():
        file.write_bytes(content + b"\n# another line\n")
    yield
    for file, content in before.items():
        file.write_bytes(content)


def written(path: str, text: str) -> Callable[[], Any]:
    """Another content of a file."""

    @contextmanager
    def change() -> Iterator[None]:
        file = Path(path)
        before = file.read_text()
        file.write_text(text)
        yield
        file.write_text(before)

    return change


def added(path: str) -> Callable[[], Any]:
    """A file that no stage made."""

    @contextmanager
    def change() -> Iterator[None]:
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("left by somebody")
        yield
        file.unlink()

    return change


def composed_with(*overrides: str) -> Callable[[], Any]:
    """Other settings, and what check_params then finds at the sources."""

    @contextmanager
    def change() -> Iterator[None]:
        before = Path("params.yaml").read_text()
        settle(*overrides)
        yield
        Path("params.yaml").write_text(before)
        write_sources(plain(Path("params.yaml")), Paths())

    return change


@contextmanager
def own_text() -> Iterator[None]:
    """A user's text, in which a word changes."""
    file = Path("mine/text.txt")
    before = file.read_text()
    file.write_text(before.replace("quick", "slow"))
    write_sources(plain(Path("params.yaml")), Paths())
    yield
    file.write_text(before)
    write_sources(plain(Path("params.yaml")), Paths())


@contextmanager
def own_sae() -> Iterator[None]:
    """The settings of an SAE in a folder change, and a note beside it that nothing reads."""
    file = Path("my_sae/cfg.json")
    before = file.read_text()
    file.write_text("{}")
    Path("my_sae/note.md").write_text("nothing reads this")
    write_sources(plain(Path("params.yaml")), Paths())
    yield
    file.write_text(before)
    write_sources(plain(Path("params.yaml")), Paths())


MODULES = {
    "semdim/models/hooked_config.py": {"prepare_model", *RUN_THE_MODEL},
    "semdim/models/load.py": {"prepare_model", *RUN_THE_MODEL},
    "semdim/forward/packed.py": {"prepare_model", *RUN_THE_MODEL},
    "semdim/forward/split.py": {"prepare_model", *RUN_THE_MODEL},
    "semdim/models/tiny.py": {"prepare_model"},
    "semdim/models/gguf.py": {"prepare_model"},
    "semdim/saes/fold.py": {"prepare_sae"},
    "semdim/tokens/sample.py": {"tokenize", *RUN_THE_MODEL, *LEDGERS},
    "semdim/text/packing.py": {"tokenize"},
    "semdim/text/kinds/jsonl.py": {"tokenize"},
    "semdim/activations/norms.py": {
        "cache_activations", "fit_activations", "score_activations", "measure_rounding", *LEDGERS,
        "compute_losses", "further_losses", "order_atoms", *BOUNDS,  # the proxy ``mean``
    },
    "semdim/codes/encode.py": {"encode_codes", "measure_rounding", *READ_CODES},
    "semdim/atoms/rank.py": {"order_atoms", "further_losses", *LEDGERS},
    "semdim/atoms/order.py": {"order_atoms"},
    "semdim/proxies/names.py": {"compute_losses", "further_losses", "order_atoms", *BOUNDS},
    "semdim/proxies/model_losses.py": {"model_losses"},
    "semdim/ledger/collect.py": LEDGERS,
    "semdim/results/write_bounds.py": BOUNDS,
    "semdim/results/setup.py": {"measure_uncertainty"},
    "semdim/mistakes/mondrian.py": {"measure_errors"},
    "semdim/bounds/selective_risk.py": {"measure_errors"},
    "semdim/bounds/families/holdout.py": {*BOUNDS, "certify"},
    "semdim/bounds/predeclared.py": {"assemble_bound"},
    # Fits are repeated for the intervals, through the scores that they serve.
    "semdim/uncertainty/scores/entropy.py": {
        "fit_activations", "score_activations", "measure_uncertainty", "measure_errors",
    },
    "semdim/uncertainty/activation_scores.py": {"fit_activations", "score_activations"},
    "semdim/plots/figures/roc.py": {"plot", "report"},
    "semdim/report/report.css": {"report"},
    "semdim/artifacts/shards.py": ALL,
    "semdim/monitor/monitor.py": set(),
    "semdim/tracking.py": set(),
    "semdim/cost.py": set(),
    "semdim/rates.py": set(),
    "semdim/plan.py": set(),
    "semdim/measure.py": set(),
    "semdim/compare/side.py": set(),
    "semdim/training/trainer.py": set(),
}  # fmt: skip
CODE: dict[str, Any] = {
    **{f"src/{path}": stages for path, stages in MODULES.items()},
    "stages/tokenize.py": {"tokenize"},
    "stages/support/timed.py": set(),
    "stages/support/losses.py": {"compute_losses", "further_losses"},
}
CHANGES: dict[str, tuple[Callable[[], Any], Any]] = {
    "a corpus's role": (
        composed_with("corpora.python.role=near"),
        {"measure_uncertainty", "measure_errors", "summarise_run"},
    ),
    "the splice": (
        composed_with("splice=all"),
        {"compute_losses", "further_losses", "order_atoms", *LEDGERS, "summarise_run"},
    ),
    "one more k": (
        composed_with("grid.sweep=[topk_4,topk_8,topk_16]"),
        {"further_losses", "extend_ledger", *BOUNDS, "summarise_run"},
    ),
    "delta": (
        composed_with("bound.failure_prob=0.01"), {*BOUNDS, "certify", "summarise_run"},
    ),
    "the dtype": (
        composed_with("engine.compute_dtype=auto"),
        {*RUN_THE_MODEL, *LEDGERS, "summarise_run"},
    ),
    "what auto is on another machine": (
        written("outputs/inputs/engine.json", '{"compute_dtype": "bfloat16"}'),
        {*RUN_THE_MODEL, *LEDGERS, "summarise_run"},
    ),
    "tokens whose rounding is measured": (
        composed_with("rounding.n_tokens=1280"), {"measure_rounding", "summarise_run"},
    ),
    "bins of k": (composed_with("errors.k_bins=5"), {"measure_errors", "summarise_run"}),
    "neighbours": (
        composed_with("uncertainty.neighbour=3"),
        {"fit_activations", "measure_uncertainty", "summarise_run"},
    ),
    "size of one corpus": (
        composed_with("corpora.python.n_tokens=1600"), {"tokenize@tiny-python", "summarise_run"},
    ),
    "another N of the surface": (
        composed_with("surface.n_tokens=[320]"), {"sweep_bound", "summarise_run"},
    ),
    "sequences in a batch": (composed_with("engine.batch_sequences=8"), set()),
    "where numbers are tracked": (composed_with("tracking=offline"), set()),
    "a text": (own_text, {"tokenize@tiny-mine"}),
    # Bounds read from its record how many candidates there were.
    "an SAE": (
        own_sae,
        {"prepare_sae@probe1", "assemble_bound@probe1", "sweep_bound@probe1", "certify@probe1"},
    ),
    "a ledger of another run": (added("outputs/probes/tiny/ledger/c4.parquet"), set()),
    "losses of another run": (added("outputs/probes/tiny/losses/c4/sae/manifest.json"), set()),
    "results of another run": (added("results/probes/other/bounds.csv"), set()),
    "a note": (added("outputs/notes.txt"), set()),
}  # fmt: skip
MINE = (
    "experiment=smoke",
    "corpus=[english,python,random]",
    "+corpora.mine={kind:files,path:mine,role:far,n_tokens:100}",
    "grid.corpus=[english,python,random,mine]",
    "+probes.folder={model:tiny,hook:blocks.1.hook_resid_post,sae:{kind:folder,path:my_sae}}",
)


def settle(*overrides: str) -> None:
    Path("params.yaml").write_text(composed([*MINE, *overrides]))
    write_sources(plain(Path("params.yaml")), Paths())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The pipeline with a made-up output in the place of every real one, all of it committed."""
    folder, here = tmp_path_factory.mktemp("project"), Path.cwd()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "src", "stages",
         "conf", "dvc.yaml", ".dvc", ".dvcignore", ".gitignore"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copyfile(ROOT / name, folder / name)
    os.chdir(folder)
    try:
        subprocess.run(["git", "init", "-q"], check=True)
        Path("mine").mkdir()
        Path("mine/text.txt").write_text("the quick brown fox " * 50)
        Path("my_sae").mkdir()
        for name in ("cfg.json", "sae_weights.safetensors"):
            Path("my_sae", name).write_text(name)
        settle()
        from dvc.parsing import interpolate
        from dvc.repo import Repo

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ruamel.yaml.YAML.load", _load_yaml)
            patch.setattr(interpolate, "parse_expr", functools.cache(interpolate.parse_expr))
            repo = Repo(str(folder))
            for stage in repo.index.stages:
                for out in stage.outs:
                    _make(Path(out.fs_path))
            repo.commit(force=True)
            repo.close()
            yield folder
    finally:
        os.chdir(here)


def _load_yaml(_: Any, stream: Any) -> Any:
    """What DVC reads with ruamel in Python, read by a parser in C: ten times as fast."""
    return yaml.load(stream if isinstance(stream, str) else stream.read(), yaml.CSafeLoader)


def _make(out: Path) -> None:
    if out.exists():
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    if (
        out.suffix in (".json", ".csv", ".parquet", ".yaml", ".html")
        or out.name == "params_checked"
    ):
        out.write_text(str(out.name))
    else:
        out.mkdir()
        (out / "facts.json").write_text(str(out.name))


def changed() -> dict[str, set[str]]:
    """What `dvc status` names, each with what changed of its deps; check_params apart, which always
    runs."""
    repo, stages = opened(Path("params.yaml").read_text())
    found: dict[str, set[str]] = {}
    with repo.lock, each_file_read_once():
        for stage in stages:
            for name, changes in stage.status(check_updates=True).items():
                deps = [change["changed deps"] for change in changes if "changed deps" in change]
                found[name] = {path for paths in deps for path in paths}
    found.pop("check_params", None)
    return found


@contextmanager
def each_file_read_once() -> Iterator[None]:
    """A file is among the deps of forty stages; DVC hashes it for each of them."""
    from dvc.dependency import param
    from dvc.output import Output

    hashed, loaded = Output._get_hash_meta, param.load_path
    hashes: dict[str, Any] = {}
    contents: dict[Any, Any] = {}

    def hash_once(self: Any) -> Any:
        if self.fs_path not in hashes:
            hashes[self.fs_path] = hashed(self)
        return hashes[self.fs_path]

    def load_once(path: Any, fs: Any, **options: Any) -> Any:
        if path not in contents:
            contents[path] = loaded(path, fs, **options)
        return contents[path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Output, "_get_hash_meta", hash_once)
        patch.setattr(param, "load_path", load_once)
        yield


@functools.lru_cache(maxsize=2)
def opened(params: str) -> tuple[Any, list[Any]]:
    """The pipeline with these settings; DVC takes seconds to read its files."""
    from dvc.repo import Repo

    repo = Repo()
    return repo, list(repo.index.stages)


def test_nothing_is_changed_at_first(project: Path) -> None:
    assert changed() == {}


@pytest.fixture(scope="module")
def by_edits(project: Path) -> dict[str, set[str]]:
    """What each edited file marks. Many are edited at once, no two of a folder that is a dep, and
    DVC says which dep a stage goes by."""
    marked: dict[str, set[str]] = {}
    for files in _rounds():
        with edited(files):
            found = changed()
        for file in files:
            marked[file] = {
                name for name, deps in found.items() if any(map(Path(file).is_relative_to, deps))
            }
    return marked


def _rounds() -> list[list[str]]:
    """The edited files, two of them apart where one dep holds both."""
    listed = yaml.safe_load(PIPELINES["dvc.yaml"])["stages"].values()
    deps = {Path(dep) for stage in listed for dep in stage.get("deps", ())}
    below = {file: {dep for dep in deps if Path(file).is_relative_to(dep)} for file in CODE}
    rounds: list[list[str]] = []
    for file in CODE:
        apart = (files for files in rounds if not any(below[file] & below[f] for f in files))
        into = next(apart, None)
        if into is None:
            rounds.append(into := [])
        into.append(file)
    assert len(rounds) < 5, "each takes seconds"
    return rounds


@pytest.mark.parametrize("file", CODE)
def test_code_marks_just_what_imports_it(by_edits: dict[str, set[str]], file: str) -> None:
    _are(by_edits[file], CODE[file])


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_marks_just_what_depends_on_it(project: Path, what: str) -> None:
    change, expected = CHANGES[what]
    with change():
        marked = set(changed())
    _are(marked, expected)


def _are(marked: set[str], expected: Any) -> None:
    """Stages, or single units of them, and no others."""
    families = {name.partition("@")[0] for name in marked}
    if expected == ALL:
        every = set(dependencies.stage_modules(PIPELINES["dvc.yaml"])) - {"check_params", *OPTIONAL}
        assert families == every
        return
    units = {name for name in expected if "@" in name}
    assert families == {name.partition("@")[0] for name in expected}
    for unit in units:
        assert {name for name in marked if name.startswith(unit.partition("@")[0])} == {unit}
