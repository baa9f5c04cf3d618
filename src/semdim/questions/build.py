"""Facts and templates -> the questions that a model is asked, checked before it is."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from semdim.answers.matching import normalised
from semdim.errors import DataError
from semdim.questions.invented import invent
from semdim.questions.question import Fact, Question
from semdim.questions.spec import QuestionsSpec
from semdim.questions.templates import fill


def build_questions(spec: QuestionsSpec, seed: int) -> tuple[Question, ...]:
    """Every fact in every template, and the same of invented entities where the set asks for them.

    Args:
        spec: the set.
        seed: of the invented names.

    Raises:
        DataError: there is no fact, a question has no answer, a template asks for a field that a
            fact does not have, a group has one alternative, or no alternative is the true answer.
    """
    facts = chosen(spec.facts(), spec.n_entities)
    if not facts:
        raise DataError(
            "The question set is empty, because its source holds no facts: give it some."
        )
    alternatives = alternatives_of(facts)
    questions = [
        Question(
            prompt=fill(template, fact.fields, fact.where),
            entity=fact.entity,
            template=number,
            group=fact.group,
            answers=fact.answers,
            alternatives=alternatives[pair],
            popularity=fact.popularity,
            is_invented=False,
            pair=pair,
        )
        for number, template in enumerate(spec.templates)
        for pair, fact in enumerate(facts)
    ]
    return (*questions, *(_invented(spec, facts, alternatives, seed) if spec.invented else ()))


def chosen(facts: Iterable[Fact], n_entities: int | None) -> tuple[Fact, ...]:
    """The facts of the most popular entities; of the first where popularity is not known.

    Raises:
        DataError: a fact has no answer.
    """
    found = tuple(facts)
    for fact in found:
        if not any(normalised(answer) for answer in fact.answers):
            raise DataError(
                f"{fact.where or fact.entity} is a question without an answer: give it one, of "
                "letters or digits, or leave it out."
            )
    if n_entities is None:
        return found
    popularity: dict[str, float] = {}
    for fact in found:
        known = float("-inf") if fact.popularity is None else fact.popularity
        popularity[fact.entity] = max(known, popularity.get(fact.entity, float("-inf")))
    kept = set(sorted(popularity, key=lambda entity: -popularity[entity])[:n_entities])
    return tuple(fact for fact in found if fact.entity in kept)


def alternatives_of(facts: Sequence[Fact]) -> list[tuple[str, ...]]:
    """For each fact the answers to choose from: those that it names, or those of its group.

    Of answers that are the same once normalised, the first stands for all.

    Raises:
        DataError: there is one alternative only, or none of them is an accepted answer.
    """
    of_group: dict[str, dict[str, str]] = defaultdict(dict)
    for fact in facts:
        of_group[fact.group].setdefault(normalised(fact.answers[0]), fact.answers[0])
    found = []
    for fact in facts:
        named = {normalised(text): text for text in reversed(fact.alternatives)}
        given = tuple(reversed(named.values())) or tuple(of_group[fact.group].values())
        if len(given) < 2:
            raise DataError(
                f"The group {fact.group!r} has one alternative only ({given[0]!r}): the rank of "
                "the true answer needs two; join it with another group or leave it out."
            )
        accepted = {normalised(answer) for answer in fact.answers}
        if not accepted & {normalised(text) for text in given}:
            raise DataError(
                f"{fact.where or fact.entity} has the answer {fact.answers[0]!r}, which none of "
                f"its {len(given)} alternatives matches: add it to them."
            )
        found.append(given)
    return found


def _invented(
    spec: QuestionsSpec,
    facts: Sequence[Fact],
    alternatives: Sequence[tuple[str, ...]],
    seed: int,
) -> Iterable[Question]:
    entities = list(dict.fromkeys(fact.entity for fact in facts))
    names = dict(zip(entities, invent(entities, seed), strict=True))
    for number, template in enumerate(spec.templates):
        for pair, fact in enumerate(facts):
            if spec.entity_field not in fact.fields:
                raise DataError(
                    f"{fact.where} has no field {spec.entity_field!r} in whose place an invented "
                    "entity could be put."
                )
            name = names[fact.entity]
            yield Question(
                prompt=fill(template, {**fact.fields, spec.entity_field: name}, fact.where),
                entity=name,
                template=number,
                group=fact.group,
                answers=(),
                alternatives=alternatives[pair],
                popularity=None,
                is_invented=True,
                pair=pair,
            )
