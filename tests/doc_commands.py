"""The command lines of README.md, CONTRIBUTING.md and docs/, and whether each of them can be right.

A fenced block without a language (or `sh`) and an indented block hold commands, one a line; what a
command prints stands in a block of the language `text`. Code within a line is a command when it
begins with one of `PROGRAMS` and leaves nothing out (…). Before a block a comment may say that its
commands are quick:

    <!-- quick -->           in any copy of the repository
    <!-- quick: tiny -->     where the tiny model was computed (dvc exp run -S experiment=smoke)
"""

import argparse
import contextlib
import importlib.util
import io
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md")
QUICK, TINY = "quick", "quick: tiny"
_MARK = re.compile(r"<!-- (quick(?:: tiny)?) -->")
_FENCE = re.compile(r"^```(\w*)")
PROGRAMS = ("dvc", "git", "make", "python -m", "semdim", "wandb")
_INLINE = re.compile(rf"`((?:[A-Z_]+=\S+ )*(?:{'|'.join(PROGRAMS)}) [^`…]+)`")
_ASSIGNMENT = re.compile(r"^[A-Z_]+=")
_OPERATORS = {"|", ";", "&&", "||"}
BUILTINS = ("cd", "export")
MADE = ("outputs", "multirun", "wandb", ".venv")
"""Folders that runs write: they are not in the repository."""
# What a reader's own machine has, and is no part of the environment.
ELSEWHERE = ("jq", "sbatch", "squeue", "aws", "kubectl")


@dataclass(frozen=True)
class Line:
    """One command line of a page; pipes and semicolons may join several commands."""

    page: str
    number: int
    text: str
    mark: str = ""

    @property
    def commands(self) -> list[list[str]]:
        """Its commands in words, environment variables in front."""
        bare = re.sub(r"\s+# .*", "", self.text)  # a remark may hold an apostrophe
        lexer = shlex.shlex(bare, posix=True, punctuation_chars="|;&")
        lexer.whitespace_split, lexer.commenters = True, "#"
        found: list[list[str]] = [[]]
        for word in lexer:
            if word in _OPERATORS:
                found.append([])
            else:
                found[-1].append(word)
        return [words for words in found if words]

    def __str__(self) -> str:
        return f"{self.page}:{self.number}"


def pages(root: Path = ROOT) -> list[Path]:
    return [path for pattern in PAGES for path in sorted(root.glob(pattern))]


def lines(page: Path, root: Path = ROOT) -> Iterator[Line]:
    """The command lines of one page; lines that end in a backslash are joined."""
    name, mark, joined = page.relative_to(root).as_posix(), "", ""
    fence: str | None = None
    indented, after_blank, start = False, True, 0
    for number, text in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        opened = _FENCE.match(text)
        if fence is not None:
            if text.startswith("```"):
                fence, mark = None, ""
                continue
            is_command = fence in ("", "sh") and bool(text.strip())
        elif opened:
            fence = opened[1]
            continue
        elif text.startswith("    ") and (indented or after_blank):
            indented, is_command = True, True
        else:
            after_blank = not text.strip()
            if not after_blank:
                marked = _MARK.fullmatch(text.strip())
                mark, indented = (marked[1] if marked else ""), False
            for found in _INLINE.finditer(text):
                yield Line(name, number, found[1])
            continue
        after_blank = False
        if not is_command:
            continue
        start = start if joined else number
        joined += text.strip()
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        if not joined.startswith("#"):
            yield Line(name, start, joined, mark)
        joined = ""


def every_line() -> list[Line]:
    return [line for page in pages() for line in lines(page)]


def wrong(command: Sequence[str]) -> str | None:
    """Why a command cannot be right; None when nothing speaks against it."""
    words = list(itertools.dropwhile(_ASSIGNMENT.match, command))
    if not words:
        return None
    program, arguments = words[0], words[1:]
    check = CHECKS.get(program)
    if check is not None:
        with contextlib.redirect_stderr(io.StringIO()) as said:
            try:
                found = check(arguments)
            except SystemExit:
                found = said.getvalue().strip() or "it refuses its arguments"
        if found:
            return found
    elif program not in (*BUILTINS, *ELSEWHERE) and not shutil.which(program):
        return f"there is no program {program}"
    return next(filter(None, map(_missing_file, arguments)), None)


@cache
def _top_level() -> frozenset[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return frozenset(path.split("/")[0] for path in listed.splitlines() if "/" in path)


def _missing_file(word: str) -> str | None:
    parts = map(_missing_path, re.split(r"[=,\[\]]", word))
    return next(filter(None, parts), None)


def _missing_path(word: str) -> str | None:
    path = Path(word)
    if len(path.parts) < 2 or path.parts[0] not in _top_level() or (ROOT / path).exists():
        return None
    if path.parts[:2] == ("results", "probes") and path.parts[2] in _names("probe"):
        return None  # the results of a probe that was not run here
    return f"{path} does not exist"


def _names(group: str) -> list[str]:
    return [path.stem for path in (ROOT / "conf" / group).glob("*.yaml")]


def _unknown_subject(arguments: Sequence[str], *others: str) -> str | None:
    """What `--probe` and `--model` name, unless it is a file of conf/ or one of ``others``."""
    for flag, word in itertools.pairwise(arguments):
        group = flag.removeprefix("--")
        if group in ("probe", "model") and flag.startswith("--"):
            known = {*_names(group), *others, "NAME"}
            if word not in known and "/" not in word:
                return f"conf/{group} has no {word}"
    return None


def _make(arguments: list[str]) -> str | None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    unknown = [word for word in arguments if "=" not in word and word not in targets]
    return f"make has no target {', '.join(unknown)}" if unknown else None


def made_by_runs(text: str) -> bool:
    """Whether a message speaks of a path below one of `MADE`."""
    return any(f"'{folder}/" in text for folder in MADE)


def _click(command: Any, arguments: list[str]) -> str | None:
    """Parse arguments through groups of commands, without running any of them."""
    context, rest = None, list(arguments)
    while True:
        try:
            context = command.make_context("x", list(rest), parent=context)
            if not hasattr(command, "resolve_command"):
                return None
            given = [*getattr(context, "_protected_args", []), *context.args]
            _, command, rest = command.resolve_command(context, given)
        except Exception as error:  # Typer carries a copy of click, with classes of its own
            if type(error).__name__ == "Exit":  # --help
                return None
            reason = str(getattr(error, "format_message", lambda: str(error))())
            # A folder that a run writes is there after the run only.
            return None if reason.endswith("does not exist.") and made_by_runs(reason) else reason


def _semdim(arguments: list[str]) -> str | None:
    from typer.main import get_command

    from semdim.commands.app import app

    return _click(get_command(app), arguments) or _unknown_subject(arguments)


def _wandb(arguments: list[str]) -> str | None:
    from wandb.cli.cli import cli

    return _click(cli, arguments)


def _git(arguments: list[str]) -> str | None:
    known = subprocess.run(["git", "--list-cmds=main"], capture_output=True, text=True, check=True)
    return None if arguments[0] in known.stdout.split() else f"git has no command {arguments[0]}"


def _dvc(arguments: list[str]) -> str | None:
    from dvc.cli import DvcParserError, parse_args

    try:
        parsed = parse_args(arguments)
    except DvcParserError as error:
        return f"dvc cannot parse it: {error}"
    if parsed.cmd == "repro" or "exp run" in " ".join(arguments):
        unknown = [name for name in parsed.targets if not _is_target(name)]
        if unknown:
            return f"dvc.yaml has no stage {', '.join(unknown)}"
    overrides = getattr(parsed, "set_param", None) or getattr(parsed, "params", None)
    if "exp run" in " ".join(arguments) and overrides:
        return _composes(overrides)
    return None


def _is_target(name: str) -> bool:
    import yaml

    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return name.split("@")[0] in stages or (ROOT / name).is_file()


def _choices(overrides: Sequence[str]) -> Iterator[list[str]]:
    """Every point of a sweep, as overrides without a comma."""
    from stages.support.points import parse

    each = []
    for override in parse(overrides):
        key = str(override.input_line).partition("=")[0]
        if override.is_sweep_override():
            each.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        else:
            each.append([str(override.input_line)])
    yield from (list(choice) for choice in itertools.product(*each))


def _composes(overrides: Sequence[str]) -> str | None:
    from semdim.errors import SemdimError
    from stages.support.points import parse, refuse_contradictions

    try:
        refuse_contradictions(parse(overrides))
        for choice in _choices(overrides):
            _read_choice(*choice)
    except SemdimError as error:
        return str(error)
    return None


@cache
def _params(*overrides: str) -> str:
    """params.yaml of these overrides: many lines have the same ones."""
    from stages.support.configuration import composed

    return composed(list(overrides))


@cache
def _read_choice(*overrides: str) -> None:
    """Read the settings of one choice; ``SemdimError`` when they are not possible."""
    from semdim.registry import load_plugins
    from semdim.settings import read_settings

    values = _values(_params(*overrides))
    load_plugins(values["plugins"])
    read_settings(values)


def _values(text: str) -> Mapping[str, Any]:
    import yaml

    values: Mapping[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return values


def _python(arguments: list[str]) -> str | None:
    if arguments[0] != "-m":
        return None if Path(ROOT / arguments[0]).exists() else f"there is no {arguments[0]}"
    module, rest = arguments[1], arguments[2:]
    if importlib.util.find_spec(module) is None:
        return f"there is no module {module}"
    if module in ("stages.train_sae", "semdim.training.seen"):
        return _train_sae(rest)
    if module == "stages.check_params":
        return _composes([word for word in rest if word != "--write"])
    if re.fullmatch(r"stages\.(?!check_training)\w+", module):
        return _stage(module, rest)
    return _unknown_flag(module, rest) or _unknown_subject(rest, *_random_shapes())


def _random_shapes() -> list[str]:
    from bench.subjects import RANDOM_SHAPES

    return list(RANDOM_SHAPES)


def _unknown_flag(module: str, arguments: Sequence[str]) -> str | None:
    """An option that the module's source does not mention."""
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin)
    path = path.with_name("__main__.py") if spec.submodule_search_locations else path
    source = path.read_text(encoding="utf-8")
    flags = [word for word in arguments if word.startswith("--") and f'"{word}"' not in source]
    return f"{module} has no {', '.join(flags)}" if flags else None


def _train_sae(arguments: list[str]) -> str | None:
    from semdim.errors import SemdimError
    from semdim.training.params import compose_training, read_training_settings
    from semdim.training.sweep import parse_variations

    parser = argparse.ArgumentParser(prog="train_sae")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--sweep", type=int)
    parser.add_argument("overrides", nargs="*")
    given = parser.parse_args(arguments)
    try:
        if given.write:
            read_training_settings(_values(compose_training(ROOT / "conf", given.overrides)))
        elif given.sweep is not None:
            parse_variations(given.overrides)
    except SemdimError as error:
        return str(error)
    return None


def _stage(module: str, arguments: list[str]) -> str | None:
    """Compose every point that a stage would be started with, and look for its unit of work."""
    import tempfile

    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from semdim.errors import SemdimError
    from semdim.paths import Paths
    from semdim.settings import read_settings
    from stages.support.points import parse, refuse_contradictions
    from stages.support.run import Run, Unit

    overrides = [word for word in arguments if not word.startswith("-")]
    experiment = ["experiment=smoke"] if "unit.probe=tiny" in overrides else []
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "params.yaml").write_text(_params(*experiment), encoding="utf-8")
        os.chdir(folder)  # a stage finds params.yaml where it is started
        try:
            refuse_contradictions(parse(overrides))
            for choice in _choices(overrides):
                with initialize_config_dir(str(ROOT / "conf"), version_base=None):
                    config = compose("stage", overrides=choice)
                values: Any = OmegaConf.to_container(config, resolve=True)
                run = Run(values, Unit(**values.pop("unit")), Paths(), module)
                read_settings(values)
                _ = run.probe if run.unit.model is None else run.model
                _ = run.unit.corpus is None or run.corpus
        except (SemdimError, HydraException, OmegaConfBaseException) as error:
            return str(error)
        finally:
            os.chdir(before)
    return None


CHECKS: dict[str, Callable[[list[str]], str | None]] = {
    "make": _make,
    "semdim": _semdim,
    "wandb": _wandb,
    "git": _git,
    "dvc": _dvc,
    "python": _python,
}


@dataclass(frozen=True)
class Done:
    """A command line that was run."""

    code: int
    output: str = field(repr=False)


def run(line: Line, folder: Path, **environment: str) -> Done:
    """Run a command line as a shell would, with the environment of the tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line.text],
        cwd=folder,
        env=os.environ | {"PATH": path, "HF_HUB_OFFLINE": "1"} | environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Done(done.returncode, done.stdout + done.stderr)
