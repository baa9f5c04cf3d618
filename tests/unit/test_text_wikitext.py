"""Wikitext: one rule, one test; and the excerpt that gensim ships, as a whole."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from text_factory import corpus, write_dump

from semdim.errors import DataError
from semdim.text.documents import Document, ReadCounts
from semdim.text.filters import load_documents
from semdim.text.near_duplicates import NearDuplicates
from semdim.text.wikitext import read_dump, strip_wikitext


@pytest.mark.parametrize(
    ("wikitext", "plain"),
    [
        ("'''Bold''' and ''italic'' words.", "Bold and italic words."),
        ("A [[cat]] and [[dog|two dogs]].", "A cat and two dogs."),
        ("See [https://example.org the page] now.", "See the page now."),
        ("Fact.<ref>Book, p. 3</ref> More.<ref name=a />", "Fact. More."),
        ("He{{citation needed|date=May 2016}} left.", "He left."),
        (
            "{{Infobox person\n| name = X\n| born = {{birth date|1950}}\n}}\nShe wrote.",
            "She wrote.",
        ),
        ("Ran {{convert|5|km|mi}} in {{lang|fr|Paris}}.", "Ran 5 km in Paris."),
        ("One.\n{| class=wikitable\n! Head\n|-\n| Cell [[x]]\n|}\nTwo.", "One.\n\nTwo."),
        ("[[File:A.jpg|thumb|A [[linked]] caption]]Text.", "Text."),
        ("[[image:A.jpg]]Text. [[Category:Things]]\n[[de:Ding]]", "Text."),
        ("The [[:Category:Things]] page.", "The Category:Things page."),
        ("Let <math>x^2</math> be.", "Let be."),
        ("Before<!-- hidden -->after.", "Beforeafter."),
        ("Tom &amp; Ann&nbsp;Lee &ndash; both.", "Tom & Ann Lee – both."),
        ("* one\n* two\n: three", "one\ntwo\nthree"),
        ("Name ({{IPA|x}}; born 1950) ({{lang-el|y}}) sang .", "Name (born 1950) sang."),
        ("__NOTOC__\nText.", "Text."),
        ("== Early ==\nYoung.\n=== School ===\nLearnt.", "Early\n\nYoung.\n\nSchool\n\nLearnt."),
        ("Text.\n== Empty ==\n{{x}}\n== Full ==\nMore.", "Text.\n\nFull\n\nMore."),
        ("== A ==\n=== B ===\nDeep.", "A\n\nB\n\nDeep."),
        ("Text.\n== References ==\nA\n=== Books ===\nB\n== Legacy ==\nC", "Text.\n\nLegacy\n\nC"),
        ("Text.\n== See also ==\n* [[X]]", "Text."),
        ("One<br />two.<nowiki>[kept]</nowiki>", "One\ntwo.[kept]"),
    ],
)
def test_rule(wikitext: str, plain: str) -> None:
    # Runs of blank lines differ with what was removed between them; only their presence counts.
    assert re.sub(r"\n{2,}", "\n\n", strip_wikitext(wikitext)) == plain


def test_a_line_of_broken_markup_is_dropped_and_counted() -> None:
    counts = ReadCounts()
    assert strip_wikitext("Good line.\n\nBroken [[link line.\n\nGood end.", counts) == (
        "Good line.\n\nGood end."
    )
    assert counts.dropped == {"lines_of_broken_markup": 1}


@pytest.mark.parametrize("name", ["dump.xml", "dump.xml.bz2"])
def test_pages_that_are_no_articles_are_dropped_and_counted(tmp_path: Path, name: str) -> None:
    path = write_dump(
        tmp_path / name,
        [
            ("Kept", 0, "An '''article'''."),
            ("Talk:Kept", 1, "Chatter."),
            ("Moved", 0, "#REDIRECT [[Kept]]"),
            ("Moved by tag", 0, "Whatever stands here."),
            ("Small", 0, "A village.\n{{Norway-geo-stub}}"),
            ("Mercury", 0, "'''Mercury''' may refer to:\n* [[X]]\n{{disambiguation|planet}}"),
            ("Venus (disambiguation)", 0, "Venus."),
            ("Stubbornness", 0, "Being {{lang|en|stubborn}} about [[stub]]s."),
        ],
        redirects=("Moved by tag",),
    )
    counts = ReadCounts()
    assert list(read_dump(path, counts)) == [
        Document("wikipedia/Kept", "An article.", "wikipedia"),
        Document("wikipedia/Stubbornness", "Being stubborn about stubs.", "wikipedia"),
    ]
    assert counts.dropped == {
        "pages_outside_articles": 1,
        "redirects": 2,
        "stubs": 1,
        "disambiguation_pages": 2,
    }


def test_a_damaged_dump_is_named(tmp_path: Path) -> None:
    path = write_dump(tmp_path / "dump.xml.bz2", [("A", 0, "word " * 5000)])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"dump\.xml\.bz2 is not a readable MediaWiki dump"):
        list(read_dump(path, ReadCounts()))


@pytest.fixture(scope="module")
def english() -> Iterator[tuple[list[Document], ReadCounts]]:
    counts = ReadCounts()
    yield list(load_documents(corpus("gensim_english", min_characters=500), counts)), counts


def test_the_excerpt_has_articles_and_news(english: tuple[list[Document], ReadCounts]) -> None:
    documents, counts = english
    kinds = [document.name.partition("/")[0] for document in documents]
    assert 90 <= kinds.count("wikipedia") <= 106
    assert 280 <= kinds.count("news") <= 300
    assert counts.documents == len(documents)
    assert counts.dropped["redirects"] == 99
    assert counts.dropped["pages_outside_articles"] == 1
    assert counts.dropped["duplicates"] == 7
    assert "gensim" in counts.facts


def test_three_news_items_repeat_an_earlier_one(
    english: tuple[list[Document], ReadCounts],
) -> None:
    seen = NearDuplicates(0.5)
    dropped = [document.name for document in english[0] if not seen.is_new(document.text)]
    assert dropped == ["news/0107", "news/0191", "news/0241"]  # of 0098, 0182 and 0232


def test_no_markup_is_left(english: tuple[list[Document], ReadCounts]) -> None:
    markup = re.compile(r"\[\[|\]\]|\{\{|\}\}|<ref|</|\{\||'''|\x00|\n\n\n|  ")
    for document in english[0]:
        if document.name.startswith("wikipedia/"):
            found = markup.search(document.text)
            assert found is None, f"{document.name}: {document.text[found.start() - 40 :][:80]!r}"


def test_nothing_but_lines_is_lost(english: tuple[list[Document], ReadCounts]) -> None:
    texts = {document.name: document.text for document in english[0]}
    anarchism = texts["wikipedia/Anarchism"]
    assert anarchism.startswith("Anarchism is a political philosophy that advocates self-governed")
    assert len(anarchism) > 40_000
    assert "External links" not in anarchism.splitlines()
    assert english[1].dropped["lines_of_broken_markup"] < 400
