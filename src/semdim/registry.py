"""Registries: to add one thing is to add one file that registers it.

A registry knows the package whose modules hold its entries. A module that is named like an entry
is imported when that entry is asked for, and no other module is; asking for all of them imports
the whole package. Modules from outside semdim register in the same way once they are imported,
which the setting ``plugins`` does at the start of every stage (`load_plugins`).
"""

import difflib
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any, Generic, TypeVar

from semdim.errors import ConfigError, SemdimError

Entry = TypeVar("Entry")
Maker = TypeVar("Maker", bound=Callable[..., Any])


class Registry(Generic[Entry]):
    """Entries of one kind, by name.

    Args:
        what: what an entry is called in messages, such as ``proxy``.
        package: dotted name of the package whose modules register the entries that semdim brings.
    """

    def __init__(self, what: str, package: str) -> None:
        self.what = what
        self.package = package
        self._entries: dict[str, Entry] = {}
        self._origins: dict[str, str] = {}
        self._is_complete = False

    def add(self, name: str, entry: Entry) -> Entry:
        """Register ``entry`` as ``name``, and return it.

        Raises:
            ConfigError: another entry has this name. The same module may be imported again.
        """
        module = _origin()
        if not module.startswith(f"{self.package}."):
            self._bring(name)  # so that nothing from outside takes its place unseen
        known = self._origins.get(name, module)
        if known != module and self._entries[name] != entry:
            raise ConfigError(
                f"Two entries are called {self.what} {name!r}, in {known} and {module}: rename "
                "one of them."
            )
        self._origins[name] = known
        self._entries[name] = entry
        return entry

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """`add` as a decorator."""
        return lambda entry: self.add(name, entry)

    def __getitem__(self, name: str) -> Entry:
        """The entry called ``name``.

        Raises:
            ConfigError: there is none; the message lists those that exist.
        """
        self._bring(name)
        if name not in self._entries:
            self._complete()
        if name not in self._entries:
            near = difflib.get_close_matches(name, self._entries, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"The {self.what} {name!r} is unknown: choose one of {', '.join(self.names())}."
                f"{hint}"
            )
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        self._complete()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def names(self) -> tuple[str, ...]:
        """Names of all entries, in the order in which they were registered."""
        self._complete()
        return tuple(self._entries)

    def values(self) -> tuple[Entry, ...]:
        """All entries, in the order in which they were registered."""
        self._complete()
        return tuple(self._entries.values())

    def _bring(self, name: str) -> None:
        """Import the package's module of this name, if there is one."""
        if name not in self._entries and name.isidentifier():
            module = f"{self.package}.{name}"
            if find_spec(module) is not None:
                importlib.import_module(module)

    def _complete(self) -> None:
        if self._is_complete:
            return
        self._is_complete = True
        package = importlib.import_module(self.package)
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
            importlib.import_module(f"{self.package}.{module.name}")


def _origin() -> str:
    """The module whose import is registering something; outside of an import, the caller's."""
    frame: FrameType | None = sys._getframe(1)
    caller = None
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if caller is None and name != __name__:
            caller = name
        if frame.f_code.co_name == "<module>":
            return name
        frame = frame.f_back
    return str(caller)


def load_plugins(modules: Any) -> None:
    """Import modules from outside semdim, which register what they bring.

    Args:
        modules: a list of their names, as the setting ``plugins`` has it; they are looked for in
            the folder that the program runs in, too.

    Raises:
        ConfigError: it is no such list, or a module cannot be imported; the message says why.
    """
    is_list = isinstance(modules, list | tuple)
    if not is_list or not all(isinstance(name, str) and name.strip() for name in modules):
        raise ConfigError(f"plugins = {modules!r} must be a list of Python module names.")
    here = str(Path.cwd())
    if modules and here not in sys.path:
        sys.path.insert(0, here)
    for name in modules:
        try:
            importlib.import_module(name)
        except SemdimError:
            raise
        except Exception as error:  # whatever a module from outside does when it is imported
            is_import = isinstance(error, ImportError)
            reason = str(error) if is_import else f"{type(error).__name__}: {error}"
            raise ConfigError(
                f"The plugin {name!r} cannot be imported ({reason}): give the name of a Python "
                "module that is installed or lies in the project folder."
            ) from error
