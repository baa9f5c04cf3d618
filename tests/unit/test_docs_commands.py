"""No command of the documentation is a guess: all can be right, and the quick ones are run."""

import re
from pathlib import Path

import pytest

from tests.doc_commands import MADE, QUICK, ROOT, TINY, Line, every_line, lines, pages, run, wrong

LINES = every_line()


@pytest.mark.parametrize("line", LINES, ids=str)
def test_a_command_exists_and_its_arguments_are_possible(line: Line) -> None:
    for command in line.commands:
        assert wrong(command) is None, f"{line}: {line.text}"


def test_commands_are_found_on_the_pages_and_some_are_quick() -> None:
    found = {line.page for line in LINES}
    assert {"README.md", "CONTRIBUTING.md", "docs/sweeps.md", "docs/monitor.md"} <= found
    assert {QUICK, TINY} <= {line.mark for line in LINES}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository by links: what a command writes stays outside of it."""
    for path in ROOT.iterdir():
        if path.name not in MADE:
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


@pytest.mark.parametrize("line", [line for line in LINES if line.mark == QUICK], ids=str)
def test_a_quick_command_runs(line: Line, copy: Path) -> None:
    done = run(line, copy, PYTHONPATH=str(ROOT / "src"))
    assert done.code == 0, f"{line}: {line.text}\n{done.output}"


PAGE = """Text.

    semdim summary    # a comment
    git log -1 | semdim monitor --json; make test

<!-- quick: tiny -->

```sh
python -m stages.assemble_bound \\
  unit.probe=tiny
```

```text
semdim prints this
```

* a list

  with text

<!-- quick -->

    semdim bound --help

    make quick
After `make test` comes `dvc repro …`, or `x = 1`.
"""


def test_commands_are_told_from_what_they_print(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(PAGE)
    found = list(lines(tmp_path / "page.md", tmp_path))
    assert [(line.number, line.mark) for line in found] == [
        (3, ""), (4, ""), (9, TINY), (23, QUICK), (25, QUICK), (26, ""),
    ]  # fmt: skip
    assert found[0].commands == [["semdim", "summary"]]
    assert found[1].commands == [
        ["git", "log", "-1"], ["semdim", "monitor", "--json"], ["make", "test"],
    ]  # fmt: skip
    assert found[2].commands == [["python", "-m", "stages.assemble_bound", "unit.probe=tiny"]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("semdin summary", "semdin"),
        ("make everything", "everything"),
        ("semdim bound --colour red", "--colour"),
        ("semdim monitor --generate many", "integer"),
        ("semdim bounds", "bounds"),
        ("git lgo", "lgo"),
        ("dvc exp run --quue", "parse"),
        ("dvc repro prepare_modle", "prepare_modle"),
        ("dvc exp run -S experiment=smokes", "smokes"),
        ("dvc exp run -S bound.failure_prob=2", "failure_prob"),
        ("dvc exp run --queue -S 'bound.k=16,17'", "topk_17"),
        ("python -m stages.assemble_bounds unit.probe=tiny", "assemble_bounds"),
        ("python -m stages.assemble_bound unit.probe=tiny bound.delta=1", "delta"),
        ("python -m stages.assemble_bound unit.probe=tinny", "tinny"),
        ("python -m stages.assemble_bound -m unit.probe=tiny hydra/launcher=pbs", "pbs"),
        ("python -m stages.assemble_bound unit.probe=tiny bound.k=4 bound.k=8", "twice"),
        ("python -m stages.train_sae --write training/run=huge", "huge"),
        ("python -m bench.monitor --speed", "--speed"),
        ("python -m bench --probe smollm2-135m_layer15 --fast", "--fast"),
        ("python -m bench --probe smollm2", "smollm2"),
        ("semdim monitor --model smollm2 essay.txt", "smollm2"),
        ("semdim bound --from results/smollm2", "results/smollm2"),
        ("dvc exp run -S unit.model=tiny", "unit"),
        ("dvc exp run -S 'plugins=[no_such_module]'", "no_such_module"),
        ("wandb synk", "synk"),
    ],
)
def test_a_wrong_command_is_noticed(text: str, why: str) -> None:
    found = [wrong(command) for command in Line("page.md", 1, text).commands]
    assert any(why in reason for reason in found if reason), found


@pytest.mark.parametrize(
    "text",
    [
        "HF_HUB_OFFLINE=0 dvc exp run -S model=gpt2-small -S 'corpus=[c4,codeparrot,random]'",
        "semdim bound --help",
        "dvc exp run --queue -S 'bound.k=16,32'",
        "python -m stages.assemble_bound -m unit.probe=tiny 'bound.n_tokens=range(320,960,320)'",
    ],
)
def test_a_right_command_is_let_through(text: str) -> None:
    (command,) = Line("page.md", 1, text).commands
    assert wrong(command) is None


WRITTEN = ("docs/performance",)
"""What a command of the page writes."""


def mentioned(page: Path) -> set[str]:
    """Targets of links, and paths in code, that should be in the repository."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    inside = {path.name for path in ROOT.iterdir() if path.is_dir()} - {*MADE, ".git", ".dvc"}
    spans = re.findall(r"`([^`\n]+)`", text)
    code = [word for span in spans for word in span.split() if "=" not in word]
    paths = [word.rstrip(".,:") for word in code if word.split("/")[0] in inside and "/" in word]
    near = page.parent.relative_to(ROOT)
    return {(near / link).as_posix() for link in links if "://" not in link} | set(paths)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    for name in mentioned(page) - set(WRITTEN):
        pattern = re.sub(r"<[^>]+>|…|NAME", "*", name).split("::")[0]
        assert (ROOT / pattern).exists() or list(ROOT.glob(pattern.strip("/"))), name
