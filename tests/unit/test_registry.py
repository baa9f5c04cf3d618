"""Registries: entries are found by their modules' names, and none takes another's place unseen."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from semdim.errors import ConfigError
from semdim.proxies.kind import PROXIES
from semdim.registry import Registry, load_plugins

FIXTURES = Path(__file__).parents[1] / "fixtures"
ADD = "from shop.catalogue import GOODS\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[str]]:
    """A registry of strings whose package brings `apple` and `plum`."""
    files = {
        "shop/__init__.py": "",
        "shop/catalogue.py": "from semdim.registry import Registry\n"
        "GOODS = Registry('fruit', 'shop.goods')\n",
        "shop/goods/__init__.py": "",
        "shop/goods/apple.py": ADD + "GOODS.add('apple', 'red')\nGOODS.add('cider', 'a drink')\n",
        "shop/goods/plum.py": ADD + "GOODS.register('plum')('blue')\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield importlib.import_module("shop.catalogue").GOODS
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("shop", "mine", "yours", "broken"):
            del sys.modules[name]


@pytest.fixture
def plugin(shop: Registry[str], tmp_path: Path) -> Callable[[str, str], None]:
    """Writes a module into the project's folder and imports it as a plugin."""

    def load(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(ADD + text)
        importlib.invalidate_caches()
        load_plugins([name])

    return load


def test_an_entry_is_found_by_the_name_of_its_module_and_no_other_is_imported(
    shop: Registry[str],
) -> None:
    assert shop["plum"] == "blue"
    assert "shop.goods.plum" in sys.modules and "shop.goods.apple" not in sys.modules


def test_an_entry_of_another_modules_file_is_found_too(shop: Registry[str]) -> None:
    assert shop["cider"] == "a drink"


def test_asking_for_all_imports_all(shop: Registry[str]) -> None:
    assert shop.names() == ("apple", "cider", "plum") == tuple(shop)
    assert shop.values() == ("red", "a drink", "blue")
    assert len(shop) == 3 and "plum" in shop and "pear" not in shop


def test_an_unknown_name_lists_the_known_ones_and_the_nearest(shop: Registry[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        shop["appel"]
    message = "The fruit 'appel' is unknown: choose one of apple, cider, plum."
    assert str(caught.value) == f"{message} Did you mean 'apple'?"
    with pytest.raises(ConfigError, match=r"plum\.$"):
        shop["xyz"]
    with pytest.raises(ConfigError, match="unknown"):
        shop["../etc/passwd"]  # not even looked for


def test_a_module_from_outside_is_like_the_others(
    shop: Registry[str], plugin: Callable[[str, str], None]
) -> None:
    plugin("mine", "GOODS.add('pear', 'green')\n")
    assert shop["pear"] == "green" and set(shop) == {"apple", "cider", "plum", "pear"}


@pytest.mark.parametrize("taken", ["apple", "plum"])
@pytest.mark.parametrize("is_known", [True, False])
def test_two_entries_of_one_name_are_refused(
    shop: Registry[str], plugin: Callable[[str, str], None], taken: str, is_known: bool
) -> None:
    """Whether or not what semdim brings was asked for before."""
    before = shop[taken] if is_known else None
    with pytest.raises(ConfigError) as caught:
        plugin("mine", f"GOODS.add('{taken}', 'fake')\n")
    assert str(caught.value) == (
        f"Two entries are called fruit {taken!r}, in shop.goods.{taken} and mine: rename one of "
        "them."
    )
    assert shop[taken] == (before or shop[taken]) != "fake"


def test_two_plugins_of_one_name_are_refused(
    shop: Registry[str], plugin: Callable[[str, str], None]
) -> None:
    plugin("mine", "GOODS.add('pear', 'green')\n")
    with pytest.raises(ConfigError, match=r"fruit 'pear', in mine and yours"):
        plugin("yours", "GOODS.add('pear', 'yellow')\n")
    assert shop["pear"] == "green"


def test_an_entry_hidden_behind_a_helper_is_known_by_the_module_that_calls_it(
    shop: Registry[str], plugin: Callable[[str, str], None]
) -> None:
    helper = "def add(name, value):\n    GOODS.add(name, value)\n"
    plugin("mine", f"{helper}add('pear', 'green')\n")
    with pytest.raises(ConfigError, match=r"in mine and yours"):
        plugin("yours", "from mine import add\nadd('pear', 'yellow')\n")


def test_the_same_module_may_be_imported_again(
    shop: Registry[str], plugin: Callable[[str, str], None]
) -> None:
    plugin("mine", "GOODS.add('pear', 'green')\n")
    del sys.modules["mine"]
    sys.modules.pop("mine", None)
    plugin("mine", "GOODS.add('pear', 'darker green, at greater length')\n")
    assert shop["pear"].startswith("darker")


def test_a_plugin_that_cannot_be_imported_says_why(
    plugin: Callable[[str, str], None], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"plugin 'nowhere' cannot be imported \(No module named"):
        load_plugins(["nowhere"])
    with pytest.raises(ConfigError, match=r"'broken' cannot be imported \(No module named 'gone'"):
        plugin("broken", "import gone\n")


@pytest.mark.parametrize("modules", ["mine", [3], [["mine"]], {"mine": 1}, 3])
def test_plugins_are_a_list_of_names(modules: object) -> None:
    with pytest.raises(ConfigError, match=r"plugins = .* must be a list of Python module names"):
        load_plugins(modules)


def test_a_plugin_is_looked_for_in_the_projects_folder(
    shop: Registry[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that is installed has another folder on its path than the one it runs in."""
    (tmp_path / "mine.py").write_text(ADD + "GOODS.add('pear', 'green')\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(tmp_path)])
    importlib.invalidate_caches()
    before = list(sys.path)
    load_plugins([])
    assert sys.path == before
    load_plugins(["mine"])
    assert shop["pear"] == "green"


def test_a_proxy_from_outside_cannot_be_called_sae(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sae = PROXIES["sae"]
    text = (FIXTURES / "first_atoms_proxy.py").read_text()
    (tmp_path / "mine.py").write_text(text.replace('"first_atoms"', '"sae"'))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(ConfigError, match=r"proxy 'sae', in semdim\.proxies\.kinds\.sae and mine"):
        load_plugins(["mine"])
    sys.modules.pop("mine", None)
    assert PROXIES["sae"] is sae
