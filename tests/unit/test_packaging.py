"""What the wheel promises: a core without the pipeline's packages, and every import declared."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Where the name that is imported is not the distribution's.
IMPORTED_AS = {"pyyaml": "yaml", "scikit-learn": "sklearn", "hydra-core": "hydra"}
#: Come with a package that is declared: omegaconf is Hydra's configuration,
#: huggingface_hub and httpx are how transformers downloads, tokenizers its fast tokenizers.
COME_WITH = {
    "omegaconf": "hydra-core",
    "huggingface_hub": "transformers",
    "tokenizers": "transformers",
    "click": "typer",
    "joblib": "scikit-learn",
    "markupsafe": "jinja2",
    "httpx": "transformers",
}
WITHOUT = (
    "dvc", "hydra", "omegaconf", "gensim", "mwparserfromhell", "gguf", "ray", "zstandard",
)  # fmt: skip
BLOCK = f"import sys; sys.modules.update(dict.fromkeys({WITHOUT}))\n"


def declared(requirements: list[str]) -> set[str]:
    names = {re.split(r"[\[<>=~! ]", entry, maxsplit=1)[0] for entry in requirements}
    return {IMPORTED_AS.get(name, name.replace("-", "_")) for name in names}


def third_party(path: Path) -> Iterator[str]:
    """First names of all imports of a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_every_package_that_the_library_imports_is_declared():
    extras = PROJECT["optional-dependencies"]
    known = declared(
        PROJECT["dependencies"] + extras["pipeline"] + extras["models"] + extras["ray"]
    )
    known |= {name for name, owner in COME_WITH.items() if declared([owner]) <= known}
    own = set(sys.stdlib_module_names) | {"semdim", "stages"}
    missing = {
        (path.relative_to(ROOT).as_posix(), name)
        for folder in ("src", "stages")
        for path in (ROOT / folder).rglob("*.py")
        for name in third_party(path)
        if name not in known | own
    }
    assert not missing


def test_torch_is_bounded_in_the_wheel_and_pinned_in_the_lock():
    (torch,) = [entry for entry in PROJECT["dependencies"] if entry.startswith("torch>")]
    assert "<" in torch
    assert re.search(r"(?m)^torch==", (ROOT / "requirements.lock").read_text())


def run_without_the_pipelines_packages(code: str) -> subprocess.CompletedProcess:  # type: ignore[type-arg]
    command = [sys.executable, "-W", "ignore", "-c", BLOCK + code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    "arguments",
    [
        "bound --vocab-size 50257 --smoothing .5 --n-active 100 --dict-size 100000 "
        "--n-tokens 1000000 --failure-prob .05",
        "bound --from results/probes/smollm2-135m_layer15",
        "summary",
        "compare --help",
        "monitor --help",
        "init --help",
    ],
)
def test_the_command_line_needs_none_of_them(arguments):
    code = f"import sys; sys.argv[1:] = {arguments.split()}\n"
    code += "from semdim.commands.app import app; app()"
    done = run_without_the_pipelines_packages(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_example_of_measuring_needs_none_of_them():
    code = "import runpy, sys; sys.argv = ['x']\n"
    code += "runpy.run_path('examples/measure_in_20_lines.py', run_name='__main__')"
    done = run_without_the_pipelines_packages(code)
    assert done.returncode == 0, done.stderr
    assert "hange of the loss" in done.stdout


@pytest.mark.parametrize(
    ("code", "package"),
    [
        (
            "from pathlib import Path\n"
            "from semdim.text.reading import read_text_file\n"
            "read_text_file(Path('x.zst'))",
            "zstandard",
        ),
        (
            "from semdim.forward.spec import EngineSpec\n"
            "from semdim.workers.cluster import cluster\n"
            "cluster(EngineSpec(workers='ray')).__enter__()",
            "ray",
        ),
        ("from semdim.models.gguf import locate_gguf\nlocate_gguf('json', None, None)", "gguf"),
    ],
)
def test_a_package_that_is_missing_is_a_sentence_with_its_extra(tmp_path, code, package):
    (tmp_path / "x.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
    code = "import os; os.chdir(" + repr(str(tmp_path)) + ")\n" + code
    done = run_without_the_pipelines_packages(code)
    last = done.stderr.strip().splitlines()[-1]
    assert "ConfigError" in last and f"package {package}" in last and "semdim[" in last
