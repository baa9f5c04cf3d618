"""English that is on every machine where gensim is installed: articles and news, no download."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from semdim.errors import DataError
from semdim.optional import package
from semdim.text.disk import describe_files
from semdim.text.documents import Document, ReadCounts
from semdim.text.kind import KINDS
from semdim.text.reading import read_text_file
from semdim.text.spec import TextSpec

_DUMP = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
_NEWS = "lee_background.cor"


@dataclass(frozen=True, kw_only=True)
class GensimEnglishCorpus(TextSpec):
    """Wikipedia and news articles from the test data of the gensim package, never imported."""

    kind: Literal["gensim_english"] = "gensim_english"

    def documents(self, counts: ReadCounts) -> Iterator[Document]:
        """Articles, then news; their names are ``wikipedia/<title>`` and ``news/<number>``, their
        sources ``wikipedia`` and ``news``."""
        dump, news = _files()
        package("mwparserfromhell", "The English corpus, part of which is wikitext,")
        from semdim.text.wikitext import read_dump

        counts.facts["gensim"] = version("gensim")
        yield from read_dump(dump, counts)
        counts.files += 1
        for number, line in enumerate(read_text_file(news).splitlines()):
            yield Document(f"news/{number:04d}", line.strip(), "news")

    def source(self) -> dict[str, Any]:
        """The package's version, and the two files."""
        paths = _files()
        files = describe_files(paths, str(paths[0].parent))
        return {"package": "gensim", "version": version("gensim"), "files": files}


def _files() -> tuple[Path, Path]:
    found = find_spec("gensim")
    if found is None or found.origin is None:
        raise DataError(
            "The English corpus is part of the gensim package, which is not installed: "
            'run `pip install "semdim[pipeline]"`.'
        )
    folder = Path(found.origin).parent / "test" / "test_data"
    for name in (_DUMP, _NEWS):
        if not (folder / name).is_file():
            raise DataError(f"gensim {version('gensim')} has no {name} in {folder}: reinstall it")
    return folder / _DUMP, folder / _NEWS


KINDS.add("gensim_english", GensimEnglishCorpus)
