"""Answers: where one ends, when it is right, and generation against plain forward passes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from decoder_factory import small_decoder
from hypothesis import given
from hypothesis import strategies as st
from text_factory import tiny_tokenizer

from semdim.answers.asking import ask, choose_alternatives, disagreement, n_passes
from semdim.answers.generation import Prompts, continued, log_probs
from semdim.answers.matching import first_clause, is_match, normalised
from semdim.answers.spec import AnswersSpec
from semdim.errors import DataError
from semdim.questions.question import Question

PROMPTS = [[0, 5, 7], [0, 5, 9, 11], [0, 5, 8], [0, 5, 9, 12], [0, 5, 40]]


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        (" The Valley!", "valley"), ("São  Tomé", "sao tome"), ("St. John's", "st johns"),
        ("N’Djamena", "ndjamena"), ("Port-au-Prince", "port au prince"), ("A", "a"), ("?!", ""),
    ],
)  # fmt: skip
def test_normalised(given_text: str, expected: str) -> None:
    assert normalised(given_text) == expected


@given(st.text(max_size=30))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        (" Paris, which is", "Paris"), ("Paris.\nQ:", "Paris"), ("\n\nRome\n", "Rome"),
        ("St. John's. It", "St. John's"), ("Washington D.C. is", "Washington D.C. is"),
        ("Paris; x", "Paris"), ("1,000 people", "1,000 people"), ("", ""), ("Bern", "Bern"),
    ],
)  # fmt: skip
def test_an_answer_ends_with_its_clause(text: str, clause: str) -> None:
    assert first_clause(text) == clause


def test_match_is_exact_once_normalised() -> None:
    assert is_match("the  PARIS!", ["Paris"]) and is_match("Kyiv", ["Kiev", "Kyiv"])
    assert not is_match("Paris Texas", ["Paris"]) and not is_match("", ["Paris"])
    assert not is_match("?", ["!"])


def test_disagreement_is_the_entropy_of_answers() -> None:
    assert disagreement(["Paris", "paris!", "the Paris"]) == 0.0
    assert disagreement(["a b", "c", "A B", "d"]) == pytest.approx(1.5)


@pytest.mark.parametrize("name", ["llama", "gpt2", "pythia"])
def test_greedy_answers_are_those_without_a_cache(name: str) -> None:
    model = small_decoder(name)
    found: dict[int, list[int]] = {}
    for read in Prompts(model, PROMPTS):
        written = continued(model, read, n_tokens=4, is_end=lambda token, before: False)
        found |= {row: one[0] for row, one in zip(read.rows, written, strict=True)}
    for row, prompt in enumerate(PROMPTS):
        ids = list(prompt)
        for _ in range(4):
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits
            ids.append(int(logits[0, -1].argmax()))
        assert found[row] == ids[len(prompt) :]


@pytest.mark.parametrize("name", ["llama", "gpt2", "mistral-window"])
def test_log_probs_are_those_of_whole_sequences(name: str) -> None:
    model = small_decoder(name)
    continuations = [[[3], [4, 6, 9], [10, 2]]] * len(PROMPTS)
    for read in Prompts(model, PROMPTS, rows_per_prompt=3, new_tokens=3):
        values = log_probs(model, read, [continuations[row] for row in read.rows])
        for row, of_prompt in zip(read.rows, values, strict=True):
            for tokens, value in zip(continuations[row], of_prompt, strict=True):
                ids = torch.tensor([[*PROMPTS[row], *tokens]])
                log_p = model(input_ids=ids, use_cache=False).logits[0].log_softmax(dim=-1)
                first = len(PROMPTS[row]) - 1
                expected = sum(float(log_p[first + i, token]) for i, token in enumerate(tokens))
                assert float(value) == pytest.approx(expected, abs=1e-4)


def test_samples_follow_the_models_distribution() -> None:
    model = small_decoder("llama")
    read = next(iter(Prompts(model, [PROMPTS[0]])))
    p = (read.logits[0] / 0.5).softmax(dim=-1)
    rng = torch.Generator().manual_seed(0)
    drawn = continued(
        model, read, n_tokens=1, is_end=lambda token, before: False, n_samples=4000,
        temperature=0.5, rng=rng,
    )[0]  # fmt: skip
    share = np.bincount([one[0] for one in drawn[1:]], minlength=len(p)) / 4000
    assert np.abs(share - p.numpy()).max() < 4 * np.sqrt(0.25 / 4000)
    assert drawn[0] == [int(p.argmax())]


def question(prompt: str, **changes: Any) -> Question:
    made = Question(
        prompt=prompt, entity=prompt, template=0, group="all", answers=("cat",),
        alternatives=("cat", "dog", "bird", "fish"), popularity=None, is_invented=False, pair=0,
    )  # fmt: skip
    return replace(made, **changes)


def test_asking_gives_an_answer_a_rank_and_what_was_asked_for() -> None:
    tokenizer = tiny_tokenizer()
    model = small_decoder("llama", vocab_size=len(tokenizer))
    asked = [
        question("a dog"),
        question("the cat is"),
        question("a dog", is_invented=True, answers=()),
    ]
    done: list[int] = []
    spec = AnswersSpec(answer_tokens=3, n_samples=3, n_alternatives=3)
    found = ask(model, tokenizer, asked, spec, bos_token_id=0, seed=0, update=done.append)
    assert sum(done) == n_passes(tokenizer) * len(asked)
    assert all(1 <= one.rank <= 3 and one.n_alternatives == 3 for one in found[:2])  # type: ignore[operator]
    assert found[2].rank is None and not found[2].is_correct
    assert all(len(one.answer_ids) >= 1 and one.disagreement is not None for one in found)
    assert all(one.p_true is None for one in found), "the tokenizer has no template of chats"
    assert found[0].prompt_ids == found[2].prompt_ids and found[0].text == found[2].text
    assert found == ask(model, tokenizer, asked, spec, bos_token_id=0, seed=0)


def test_the_true_answer_is_among_the_alternatives_and_its_aliases_are_not() -> None:
    one = question("x", answers=("cat", "DOG"), alternatives=("bird", "dog", "cat", "fish", "ox"))
    for seed in range(5):
        chosen = choose_alternatives(one, 3, seed)
        assert chosen[0] == "cat" and "dog" not in chosen and len(set(chosen)) == 3
    assert choose_alternatives(one, None, 0) == ("cat", "bird", "fish", "ox")


def test_answers_that_no_alternative_matches_are_refused() -> None:
    with pytest.raises(DataError, match="none of its alternatives matches"):
        choose_alternatives(question("x", answers=("lynx",)), 3, 0)


def test_prompts_that_do_not_fit_are_refused() -> None:
    tokenizer = tiny_tokenizer()
    model = small_decoder("llama", vocab_size=len(tokenizer))
    for prompt in ("", "a dog " * 80):
        with pytest.raises(DataError, match="tokens, but between"):
            ask(model, tokenizer, [question(prompt)], AnswersSpec(), bos_token_id=0, seed=0)
