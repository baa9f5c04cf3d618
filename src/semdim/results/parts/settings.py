"""Every setting, from the classes that read them, for docs/settings.md."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from inspect import get_annotations
from typing import Any, get_args, get_type_hints

import yaml

from semdim.fields import ByKind
from semdim.records import field_docs
from semdim.results.pages import Repository, part, table
from semdim.rules import Rules, expected
from semdim.settings import Settings

HEADER = ("setting", "what it is", "default", "values")
GROUPS = {"models": "source", "probes": "probe", "corpora": "corpus", "questions": "questions"}
"""Groups with an entry for each name, and the folder of conf/ that holds one file an entry."""


@part("settings")
def settings(repository: Repository) -> str:
    """A section for each group of params.yaml, in the order of `semdim.settings.Settings`."""
    given = yaml.safe_load((repository.root / "params.yaml").read_text(encoding="utf-8"))
    hints, texts = get_type_hints(Settings), field_docs(Settings)
    alone: list[list[str]] = []
    sections = []
    for entry in fields(Settings):
        annotation = hints[entry.name]
        if is_dataclass(annotation):
            rows = _rows(annotation, given[entry.name])
            sections.append(f"## {entry.name}\n\n{_about(annotation)}\n\n{_table(rows)}")
        elif entry.name in GROUPS:
            sections.append(_by_name(entry.name, get_args(annotation)[1]))
        else:
            alone.append(_row(entry, annotation, texts, given[entry.name]))
    return "\n\n".join([*sections, "## Without a group\n\n" + _table(alone)])


def _by_name(group: str, cls: Any) -> str:
    """The section of a group that has an entry for each name."""
    where = f"`{group}.<name>`, a file in `conf/{GROUPS[group]}`."
    lines = [f"## {group}", f"{where} {_about(cls)}"]
    if not issubclass(cls, ByKind):
        return "\n\n".join([*lines, _table(_rows(cls))])
    kinds = {kind: cls.class_of(kind) for kind in cls.kinds() if _is_own(cls.class_of(kind))}
    sharing: dict[Any, list[str]] = {}
    for kind, own in sorted(kinds.items()):
        for base in reversed(own.__mro__):
            if is_dataclass(base):
                sharing.setdefault(base, []).append(kind)
    for base, its_kinds in sorted(sharing.items(), key=lambda pair: -len(pair[1])):
        own_names = [*get_annotations(base)]
        rows = _rows(base, only=own_names if base is cls else {*own_names} - {"kind"})
        if base in kinds.values() or (rows and base is not cls):
            lines += [f"### {group}: {', '.join(its_kinds)}", _about(base)]
        lines += [_table(rows)] if rows else []
    return "\n\n".join(lines)


def _is_own(cls: type) -> bool:
    return cls.__module__.startswith("semdim.")  # a plugin that happens to be imported is not


def _rows(
    cls: Any, given: Mapping[str, Any] | None = None, only: Iterable[str] | None = None
) -> list[list[str]]:
    """A row for each setting; one that is settings again gives their rows, behind its name."""
    hints, texts = get_type_hints(cls), field_docs(cls)
    rows: list[list[str]] = []
    for entry in fields(cls):
        if only is not None and entry.name not in only:
            continue
        annotation = hints[entry.name]
        value = given.get(entry.name) if given is not None else _default(entry)
        if is_dataclass(annotation) and not issubclass(annotation, ByKind):  # type: ignore[arg-type]
            inner = _rows(annotation)
            rows += [[f"`{entry.name}.{row[0][1:]}", *row[1:]] for row in inner]
        else:
            rows.append(_row(entry, annotation, texts, value))
    return rows


def _row(entry: Field[Any], annotation: Any, texts: Mapping[str, str], value: Any) -> list[str]:
    rules = entry.metadata.get("rules", Rules())
    told = "" if value is MISSING else f"`{_spelled(value)}`"
    return [f"`{entry.name}`", _plain(texts.get(entry.name, "")), told, expected(annotation, rules)]


def _default(entry: Field[Any]) -> Any:
    return entry.default if entry.default is not None else MISSING


def _spelled(value: Any) -> str:
    """As YAML spells it on one line."""
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def _about(cls: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    return _plain((cls.__doc__ or "").strip().split("\n\n")[0])


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _table(rows: list[list[str]]) -> str:
    """Without a column that is empty throughout."""
    kept = [at for at in range(len(HEADER)) if any(row[at] for row in rows)]
    return table([HEADER[at] for at in kept], [[row[at] for at in kept] for row in rows])
