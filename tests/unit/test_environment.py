"""docs/environment.md says what was recorded, and a package's size is that of its files."""

import json
import tomllib
from importlib.metadata import PathDistribution
from pathlib import Path

from bench import environment
from bench.environment import Package, closure, n_bytes_of, named, page, table

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_page_is_what_was_recorded():
    recorded = json.loads((ROOT / "docs" / environment.RECORDED).read_text(encoding="utf-8"))
    written = (ROOT / "docs" / environment.PAGE).read_text(encoding="utf-8")
    assert written == page(recorded), "run `python -m bench.environment --write docs`"
    names = {own["name"] for own in recorded["packages"]}
    core = {name for name, group in named(PROJECT).items() if group == "core"}
    assert core <= names, "run `python -m bench.environment --write docs`"


def test_a_package_has_the_size_of_its_files_and_their_bytecode(tmp_path):
    for name, n_bytes in (
        ("one/__init__.py", 10), ("one/data.bin", 200),
        ("one/__pycache__/__init__.cpython-311.pyc", 30),
        ("one/__pycache__/other.cpython-311.pyc", 7), ("not_its.py", 4000),
        ("one-1.dist-info/METADATA", 50),
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * n_bytes)
    # Listed or not, bytecode counts once; a file that is gone counts nothing.
    record = (
        "one/__init__.py,,\none/data.bin,,\none/__pycache__/__init__.cpython-311.pyc,,\n"
        "one/gone.py,,\none-1.dist-info/METADATA,,\n"
    )
    (tmp_path / "one-1.dist-info/RECORD").write_text(record)
    found = n_bytes_of(PathDistribution(tmp_path / "one-1.dist-info"))
    assert found == 10 + 200 + 30 + 50


def test_what_comes_with_a_package_is_followed_to_the_end_and_round_circles():
    graph = {"a": ["b", "elsewhere"], "b": ["c"], "c": ["a"], "d": []}
    assert closure(["a"], graph) == {"a", "b", "c"}
    assert closure(["d", "elsewhere"], graph) == {"d"}


def test_the_first_group_that_names_a_package_is_said():
    project = {
        "dependencies": ["torch>=2,<3"],
        "optional-dependencies": {"models": ["GGUF>=1"], "dev": ["semdim[models]", "gguf", "ruff"]},
    }
    own = {name: group for name, group in named(project).items() if name not in environment.BESIDE}
    assert own == {"torch": "core", "gguf": "models", "ruff": "dev"}


def test_small_packages_share_a_row_and_the_sum_is_of_all():
    packages = [
        Package("large", "1", 90_000_000, 0, "core"),
        Package("light", "2", 1_000_000, 9_000_000, "pipeline"),
        Package("s1", "3", 4_000_000, 0, ""),
        Package("s2", "3", 3_000_000, 0, ""),
    ]
    rows = table(packages).splitlines()[2:]
    assert rows == [
        "| large | 1 | 90 | 0 | core |",
        "| light | 2 | 1 | 9 | pipeline |",
        "| 2 others, none above 5 MB | | 7 | | |",
        "| **all 4** | | **98** | | |",
    ]
