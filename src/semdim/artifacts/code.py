"""Which source files a module really imports, found by reading them and running nothing.

The files behind a stage are what its numbers depend on beside its data: they key the shards that
are resumed (`code_digest`), and they are the code among the stage's deps in dvc.yaml.
"""

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

#: Packages whose modules count; what others do is pinned by the lock file.
PACKAGES = ("semdim", "stages")
REGISTRY = "Registry"
#: Modules that tell of the work, hand it out or refuse it, and change no number: neither they nor
#: what they import count.
TELLING = (
    "semdim.progress", "semdim.tracking", "semdim.workers.job", "stages.support.intact",
    "stages.support.shardwise", "stages.support.timed", "stages.support.track",
)  # fmt: skip


def imported_modules(
    module: str, kinds: Mapping[str, Iterable[str]] | None = None
) -> dict[str, Path]:
    """``module`` and all modules of `PACKAGES` that it imports, directly or not, with their files.

    Imports inside functions count; those for type checkers alone and `TELLING` do not. A module
    that makes a `semdim.registry.Registry` is taken to import every module of its package.

    Args:
        module: dotted name.
        kinds: for a registry's package, the only modules of it that are used: losses of the proxy
            ``sae`` do not depend on the file of another proxy.

    Raises:
        ModuleNotFoundError: there is no such module.
    """
    chosen = {package: tuple(names) for package, names in (kinds or {}).items()}
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or name in TELLING:
            continue
        path = _file(name)
        if path is None:
            raise ModuleNotFoundError(name)
        found[name] = path
        for imported in _imports(name, path, tuple(sorted(chosen.items()))):
            waiting.append(imported)
    return dict(sorted(found.items()))


def code_digest(module: str, kinds: Mapping[str, Iterable[str]] | None = None) -> str:
    """SHA-256 over `imported_modules`: another digest, another code."""
    digest = hashlib.sha256()
    for name, path in imported_modules(module, kinds).items():
        digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@functools.cache
def _imports(name: str, path: Path, kinds: tuple[tuple[str, tuple[str, ...]], ...]) -> list[str]:
    """Modules that one file imports, and packages above them whose ``__init__`` imports too."""
    wanted: list[str] = []
    for target in _targets(ast.parse(path.read_text(encoding="utf-8")), name, dict(kinds)):
        for known in (target, target.rpartition(".")[0]):
            if _file(known) is not None:
                wanted += [known] if _imports_ours(known, eager=False) else []
                wanted += [outer for outer in _outer(known) if _imports_ours(outer, eager=True)]
                break
    return list(dict.fromkeys(wanted))


def _targets(tree: ast.AST, name: str, kinds: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _counts(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and _counts(node.module):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node.func) == REGISTRY:
            for package in (_constant(argument) for argument in node.args):
                if package is not None and _counts(package):
                    yield from (f"{package}.{kind}" for kind in kinds.get(package, _in(package)))


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and _called(node.test) == "TYPE_CHECKING":
            yield from _nodes(ast.Module(node.orelse, []))
            continue
        yield node
        yield from _nodes(node)


def _called(node: ast.AST) -> str:
    if isinstance(node, ast.Subscript):  # Registry[Proxy](...)
        node = node.value
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _constant(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _counts(module: str) -> bool:
    return module.split(".")[0] in PACKAGES


def _in(package: str) -> list[str]:
    path = _file(package)
    return [] if path is None else [p.stem for p in path.parent.glob("*.py") if p != path]


def _outer(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


@functools.cache
def _file(module: str) -> Path | None:
    root, *rest = module.split(".")
    spec = importlib.util.find_spec(root) if _counts(root) else None
    if spec is None or not spec.submodule_search_locations:
        return None
    base = Path(next(iter(spec.submodule_search_locations))).joinpath(*rest)
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file() and (rest or path.name == "__init__.py"):
            return path
    return None


@functools.cache
def _imports_ours(module: str, *, eager: bool) -> bool:
    """False for an ``__init__`` that imports nothing of ours: running it changes no number.

    eager: only what it imports at once counts, since nobody asked for a name of it.
    """
    path = _file(module)
    if path is None or path.name != "__init__.py":
        return path is not None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if eager:
        tree.body = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    return any(True for _ in _targets(tree, module, {}))
