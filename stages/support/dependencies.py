"""What each stage of dvc.yaml depends on, found by reading the code; and dvc.yaml in step with it.

    python -m stages.support.dependencies --write     write the code that each stage imports

Data among the deps are written by hand. A test compares both files with what is found here.
"""

import argparse
import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from semdim.artifacts.code import TELLING, imported_modules
from semdim.artifacts.shards import write_atomically
from semdim.scaffold import STAGE
from stages import ROOT
from stages.support.run import NEUTRAL

PIPELINES = (Path("dvc.yaml"), Path("training/dvc.yaml"))
#: They run every time, and so depend on nothing.
CHECKS = ("stages.check_params", "stages.check_training")
#: Properties of a run that stand for a setting.
OF_RUN = {"run.compute_dtype": "engine.compute_dtype", "run.backend": "engine.backend"}
#: Rooms that are listed as a whole: what every stage reads and writes its files with.
ROOMS = ("src/semdim/artifacts",)
WIDTH = 100
#: The deps of a stage, and among them the data, one in a line.
_DEPS = re.compile(r"(?m)^    deps:(?: \[\n(?:      .*\n)*    \]\n|\n(?:      .*\n)+)")
_DATA = re.compile(r"""(?m)^      (?:- )?"?((?:outputs|results)/[^",\n]+)"?,?$""")


def code_of(module: str, root: Path = ROOT) -> list[str]:
    """Files and folders of the project that ``module`` depends on, a folder where all of it is."""
    found = imported_modules(module)
    return sorted(_collapsed({path.relative_to(root) for path in found.values()}, root))


def _collapsed(files: set[Path], root: Path) -> Iterator[str]:
    """The same files, with a folder in place of its modules where none is missing."""
    whole: set[Path] = set()
    for folder in sorted({path.parent for path in files}, key=lambda path: len(path.parts)):
        if len(folder.parts) < 3 or any(folder.is_relative_to(outer) for outer in whole):
            continue
        inside = [path.relative_to(root) for path in (root / folder).rglob("*.py")]
        bare = [path for path in inside if path.name == "__init__.py"]
        is_whole = len(inside) > len(bare) + 1 and set(inside) - set(bare) <= files
        if is_whole or folder.as_posix() in ROOMS:
            whole.add(folder)
    yield from (folder.as_posix() for folder in whole)
    for path in files:
        if not any(path.is_relative_to(folder) for folder in whole):
            yield path.as_posix()


def settings_of(module: str) -> set[str]:
    """Dotted names of the settings that a stage reads and that can change a number.

    They are the literal arguments of `Run.setting` and `Run.read`, and what `OF_RUN` stands for, in
    the stage and in the functions of stages.support that it imports.
    """
    seen: set[tuple[str, str]] = set()
    names = set(_settings(module, None, seen))
    return {name for name in names if not name.startswith(NEUTRAL)}


def _settings(module: str, function: str | None, seen: set[tuple[str, str]]) -> Iterator[str]:
    if (module, function or "") in seen:
        return
    seen.add((module, function or ""))
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    own = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    imported = {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("stages.support")
        for alias in node.names
    }
    start: ast.AST = tree if function is None else own[function]
    for node in ast.walk(start):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _read_by(node, constants)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in OF_RUN:
            yield OF_RUN[ast.unparse(node)]
        if not isinstance(node, ast.Name):
            continue
        if node.id in own and node.id != function:
            yield from _settings(module, node.id, seen)
        elif node.id in imported and imported[node.id][0] not in (
            "stages.support.run",
            "stages.support.startup",
        ):
            other, name = imported[node.id]
            if name.islower() and other not in TELLING:
                yield from _settings(other, name, seen)


def _read_by(call: ast.Call, constants: dict[str, ast.expr]) -> Iterator[str]:
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr not in ("setting", "read") or not call.args:
        return
    first = call.args[0]
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
        return
    fields = call.args[2] if len(call.args) > 2 else None
    if isinstance(fields, ast.Name):
        fields = constants[fields.id]
    if call.func.attr == "read" and isinstance(fields, ast.Tuple):
        yield from (f"{first.value}.{field.value}" for field in fields.elts)  # type: ignore[attr-defined]
    else:
        yield first.value


def stage_modules(text: str) -> dict[str, str]:
    """The module that each stage of a dvc.yaml runs, by the stage's name."""
    modules, name = {}, ""
    for line in text.splitlines():
        if found := re.match(r"  (\w+):$", line):
            name = found[1]
        if name and name not in modules and (ran := STAGE.search(line)):
            modules[name] = ran[1]
    return modules


def in_step(text: str) -> str:
    """A dvc.yaml with the code that each stage imports among its deps, behind the data."""
    modules = stage_modules(text)
    blocks = re.split(r"(?m)^(?=  \w+:$)", text)
    done = [blocks[0]]
    for block in blocks[1:]:
        name = block.split(":", 1)[0].strip()
        module = modules.get(name, CHECKS[0])
        done.append(block if module in CHECKS else _with_code(block, code_of(module)))
    return "".join(done)


def _with_code(block: str, code: list[str]) -> str:
    """One stage with these files and folders among its deps."""
    found = _DEPS.search(block)
    data = _DATA.findall(found[0]) if found else []
    lines = [f'      "{entry}",' for entry in data]
    wrapped = textwrap.wrap(
        ", ".join(code) + ",", WIDTH, break_long_words=False, break_on_hyphens=False,
        initial_indent=" " * 6, subsequent_indent=" " * 6,
    )  # fmt: skip
    deps = "\n".join(["    deps: [", *lines, "      # code", *wrapped, "    ]", ""])
    if found:
        return block[: found.start()] + deps + block[found.end() :]
    outs = block.index("    outs:")
    return block[:outs] + deps + block[outs:]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.support.dependencies")
    parser.add_argument("--write", action="store_true", help="write dvc.yaml")
    write = parser.parse_args().write
    for path in PIPELINES:
        text = path.read_text(encoding="utf-8")
        new = in_step(text)
        if write and new != text:
            write_atomically(path, new)
        print(f"{path}: {'in step' if new == text else 'written' if write else 'out of step'}")


if __name__ == "__main__":
    main()
