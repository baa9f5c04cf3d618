"""Text that is on every machine where semdim is installed: English and Python, no download."""

import importlib.util
import platform
import sysconfig
import tokenize
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from semdim.errors import DataError
from semdim.text.documents import Document, ReadCounts
from semdim.text.readers import read_text_file
from semdim.text.spec import CorpusSpec
from semdim.text.wikitext import read_dump

_DUMP = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
_NEWS = "lee_background.cor"
_NO_SOURCE = ("site-packages", "dist-packages", "__pycache__")


def read_gensim_english(spec: CorpusSpec, counts: ReadCounts) -> Iterator[Document]:
    """Wikipedia articles, then news articles, from the test data of the gensim package.

    Names are ``wikipedia/<title>`` and ``news/<number>``. gensim itself is never imported.
    """
    package = importlib.util.find_spec("gensim")
    if package is None or package.origin is None:
        raise DataError("the English corpus is part of the gensim package: pip install gensim")
    folder = Path(package.origin).parent / "test" / "test_data"
    counts.facts["gensim"] = version("gensim")
    for name in (_DUMP, _NEWS):
        if not (folder / name).is_file():
            raise DataError(f"gensim {version('gensim')} has no {name} in {folder}: reinstall it")
    yield from read_dump(folder / _DUMP, counts)
    counts.files += 1
    for number, line in enumerate(read_text_file(folder / _NEWS).splitlines()):
        yield Document(f"news/{number:04d}", line.strip())


def read_python_source(spec: CorpusSpec, counts: ReadCounts) -> Iterator[Document]:
    """The standard library of the running interpreter, a document per ``.py`` file, by path.

    The text depends on the interpreter's version, which is put on record; installed packages are
    not part of it.
    """
    root = Path(sysconfig.get_paths()["stdlib"])
    counts.facts["python"] = f"{platform.python_implementation()} {platform.python_version()}"
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py"))
    paths = [path for path in paths if not set(_NO_SOURCE) & set(Path(path).parts)]
    if not paths:
        raise DataError(f"no Python source under {root}: this interpreter ships without it")
    for path in paths:
        counts.files += 1
        try:
            with tokenize.open(root / path) as file:  # obeys the encoding that a file declares
                text = file.read()
        except (SyntaxError, UnicodeDecodeError):  # test data of the library's own tokenizer
            counts.drop("undecodable")
        else:
            yield Document(path, text)
