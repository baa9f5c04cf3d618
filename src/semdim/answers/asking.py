"""Questions to a model: its answers, whether they are right, and what it says of them itself."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from semdim.answers.generation import Prompts, continued, log_probs
from semdim.answers.matching import first_clause, is_match, normalised
from semdim.answers.spec import AnswersSpec
from semdim.errors import DataError
from semdim.questions.question import Question

JUDGED = (
    "Is the proposed answer true or false? Reply with one word, True or False.\n\n"
    "Question: {prompt}\nProposed answer: {answer}"
)
"""What the model is asked about its own answer; what all questions share comes first, since it is
computed once."""


@dataclass(frozen=True)
class Answer:
    """What a model answered to a question."""

    prompt_ids: tuple[int, ...]
    """The prompt, BOS first."""
    answer_ids: tuple[int, ...]
    """The tokens of the answer: at least one, which may be the end that the model chose at once."""
    text: str
    """The answer: the first clause of the greedy continuation."""
    is_correct: bool
    """Whether it is an accepted answer once normalised; False for an invented entity."""
    rank: int | None
    """Place of the true answer among the alternatives by log-probability, 1 = the most probable;
    None for an invented entity."""
    n_alternatives: int
    """Alternatives that it was ranked among."""
    p_true: float | None
    """p(True) / (p(True) + p(False)) when the model is asked whether its answer is true; None: the
    model is not instructed."""
    disagreement: float | None
    """Entropy in bits of the answers drawn at random, equal ones together; None: none was drawn."""


def ask(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    spec: AnswersSpec,
    *,
    bos_token_id: int,
    seed: int,
    update: Callable[[int], object] = lambda n: None,
) -> tuple[Answer, ...]:
    """The answer to every question.

    Args:
        model: a causal language model of transformers, in evaluation mode, where it is.
        tokenizer: its tokenizer.
        questions: what is asked.
        spec: how.
        bos_token_id: what every prompt starts with.
        seed: of the alternatives and of the answers drawn at random.
        update: told how many questions have gone through each of the passes, of which there are
            `n_passes`.

    Raises:
        DataError: a prompt is empty or longer than the model's context.
    """
    ids = [encoded(tokenizer, question.prompt, bos_token_id) for question in questions]
    _check_lengths(questions, ids, model, spec)
    written = _generated(model, tokenizer, ids, spec, seed, update)
    ranks = _ranks(model, tokenizer, questions, ids, spec, seed, update)
    texts = [texts[0] for _, texts in written]
    judged = _judged(model, tokenizer, questions, texts, update)
    return tuple(
        Answer(
            prompt_ids=tuple(ids[at]),
            answer_ids=answer_ids,
            text=said[0],
            is_correct=is_match(said[0], question.answers),
            rank=ranks[at][0] if at in ranks else None,
            n_alternatives=ranks[at][1] if at in ranks else 0,
            p_true=judged[at],
            disagreement=disagreement(said[1:]) if len(said) > 1 else None,
        )
        for at, (question, (answer_ids, said)) in enumerate(zip(questions, written, strict=True))
    )


def n_passes(tokenizer: Any) -> int:
    """Passes over the questions that `ask` makes."""
    return 3 if is_instructed(tokenizer) else 2


def encoded(tokenizer: Any, text: str, bos_token_id: int) -> list[int]:
    """Token ids of a prompt, BOS first."""
    return [bos_token_id, *tokenizer(text, add_special_tokens=False).input_ids]


def disagreement(answers: Sequence[str]) -> float:
    """Entropy in bits of answers, those that are equal once normalised being one.

    Discrete semantic entropy (Farquhar et al. 2024) with equality of normalised answers for
    entailment in both directions, which for names is nearly the same.
    """
    counts = np.unique([normalised(answer) for answer in answers], return_counts=True)[1]
    share = counts / counts.sum()
    return float(max(0.0, -(share * np.log2(share)).sum()))


def choose_alternatives(
    question: Question, n_alternatives: int | None, seed: int
) -> tuple[str, ...]:
    """The true answer, then the alternatives that it is ranked among.

    Drawn by entity, so that all templates have the same; other accepted answers are none of them.

    Raises:
        DataError: no alternative is an accepted answer.
    """
    accepted = {normalised(answer) for answer in question.answers}
    true = [at for at, text in enumerate(question.alternatives) if normalised(text) in accepted]
    if not true:
        raise DataError(
            f"The question {question.prompt!r} has the answer {question.answers[0]!r}, which none "
            "of its alternatives matches: add it to them."
        )
    first = normalised(question.answers[0])
    ranked = next((at for at in true if normalised(question.alternatives[at]) == first), true[0])
    others = [at for at in range(len(question.alternatives)) if at not in true]
    if n_alternatives is not None and len(others) > n_alternatives - 1:
        rng = np.random.default_rng([seed, zlib.crc32(question.entity.encode())])
        others = sorted(rng.choice(others, n_alternatives - 1, replace=False).tolist())
    return tuple(question.alternatives[at] for at in (ranked, *others))


def is_instructed(tokenizer: Any) -> bool:
    """Whether the model follows instructions: its tokenizer has a template of chats."""
    return bool(getattr(tokenizer, "chat_template", None))


def _check_lengths(
    questions: Sequence[Question], ids: Sequence[Sequence[int]], model: Any, spec: AnswersSpec
) -> None:
    room = int(model.config.max_position_embeddings) - spec.answer_tokens
    for question, tokens in zip(questions, ids, strict=True):
        if not 1 < len(tokens) <= room:
            raise DataError(
                f"The question {question.prompt[:60]!r} has {len(tokens) - 1} tokens, but between "
                f"1 and {room - 1} are possible with answers of {spec.answer_tokens}: shorten its "
                "template or leave it out."
            )


def _generated(
    model: Any,
    tokenizer: Any,
    ids: Sequence[Sequence[int]],
    spec: AnswersSpec,
    seed: int,
    update: Callable[[int], object],
) -> list[tuple[tuple[int, ...], list[str]]]:
    """Of each question the tokens of its greedy answer, and the texts of it and of the samples."""
    rng = torch.Generator().manual_seed(seed)
    is_end = _Ends(tokenizer, model)
    found: dict[int, tuple[tuple[int, ...], list[str]]] = {}
    for read in Prompts(model, ids, rows_per_prompt=1 + spec.n_samples):
        first = read.logits.argmax(dim=-1).tolist()
        written = continued(
            model, read, n_tokens=spec.answer_tokens, is_end=is_end, n_samples=spec.n_samples,
            temperature=spec.temperature, rng=rng,
        )  # fmt: skip
        for row, start, of_prompt in zip(read.rows, first, written, strict=True):
            texts = [first_clause(tokenizer.decode(tokens)) for tokens in of_prompt]
            tokens = _within_clause(tokenizer, of_prompt[0], texts[0]) or [start]
            found[row] = tuple(tokens), texts
        update(len(read.rows))
    return [found[row] for row in range(len(ids))]


def _within_clause(tokenizer: Any, tokens: list[int], clause: str) -> list[int]:
    """The fewest tokens, from the first on, whose text holds all of the clause."""
    for length in range(1, len(tokens) + 1):
        if first_clause(tokenizer.decode(tokens[:length])) == clause:
            return tokens[:length]
    return tokens


def _ranks(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    ids: Sequence[Sequence[int]],
    spec: AnswersSpec,
    seed: int,
    update: Callable[[int], object],
) -> dict[int, tuple[int, int]]:
    """Rank of the true answer and the number of alternatives, by question; ties rank it last."""
    real = [at for at, question in enumerate(questions) if not question.is_invented]
    by_count: dict[int, list[int]] = {}
    chosen = {}
    for at in real:
        chosen[at] = choose_alternatives(questions[at], spec.n_alternatives, seed)
        by_count.setdefault(len(chosen[at]), []).append(at)
    found = {}
    for count, rows in by_count.items():
        tokens = {
            at: [_spoken(tokenizer, questions[at].prompt, t) for t in chosen[at]] for at in rows
        }
        longest = max(len(one) for of_row in tokens.values() for one in of_row)
        prompts = Prompts(
            model, [ids[at] for at in rows], rows_per_prompt=count, new_tokens=longest
        )
        for read in prompts:
            mine = [rows[row] for row in read.rows]
            for at, values in zip(
                mine, log_probs(model, read, [tokens[a] for a in mine]), strict=True
            ):
                found[at] = 1 + int((values[1:] >= values[0]).sum()), count
            update(len(read.rows))
    update(len(questions) - len(real))
    return found


def _spoken(tokenizer: Any, prompt: str, answer: str) -> list[int]:
    """Token ids of an answer as it follows the prompt, a space before it unless one is there."""
    space = "" if prompt[-1:].isspace() else " "
    return list(tokenizer(space + answer, add_special_tokens=False).input_ids)


def _judged(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    texts: Sequence[str],
    update: Callable[[int], object],
) -> list[float | None]:
    """p(True) of each answer, after Kadavath et al., "Language models (mostly) know what they know"
    (2022)."""
    if not is_instructed(tokenizer):
        return [None] * len(questions)
    ids = []
    for question, text in zip(questions, texts, strict=True):
        asked = JUDGED.format(prompt=question.prompt, answer=text)
        chat = tokenizer.apply_chat_template(
            [{"role": "user", "content": asked}], add_generation_prompt=True, tokenize=False
        )
        ids.append(tokenizer(chat, add_special_tokens=False).input_ids)
    true, false = (
        tokenizer(word, add_special_tokens=False).input_ids[0] for word in ("True", "False")
    )
    found: dict[int, float] = {}
    for read in Prompts(model, ids):
        pair = read.logits[:, [true, false]].softmax(dim=-1)[:, 0].tolist()
        found |= dict(zip(read.rows, pair, strict=True))
        update(len(read.rows))
    return [found[row] for row in range(len(ids))]


class _Ends:
    """Whether a token ends an answer: one of the model's ends, or a new line behind a word."""

    def __init__(self, tokenizer: Any, model: Any) -> None:
        ends = getattr(model.generation_config, "eos_token_id", None)
        listed = ends if isinstance(ends, list) else [ends]
        self._ends = {end for end in (*listed, tokenizer.eos_token_id) if end is not None}
        self._decode = tokenizer.decode
        self._texts: dict[int, str] = {}

    def __call__(self, token: int, before: list[int]) -> bool:
        if token in self._ends:
            return True
        return "\n" in self._text(token) and any(self._text(one).strip() for one in before)

    def _text(self, token: int) -> str:
        if token not in self._texts:
            self._texts[token] = self._decode([token])
        return self._texts[token]
