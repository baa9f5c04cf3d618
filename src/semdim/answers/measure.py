"""Questions, a model and an SAE in; a study of the answers out. What the stage runs."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from semdim.answers.asking import ask, n_passes
from semdim.answers.spec import AnswersSpec
from semdim.answers.study import AnswerStudy, run_study
from semdim.answers.tokens import measure_tokens
from semdim.codes.encode import Encoder
from semdim.forward.split import SplitModel
from semdim.progress import progress_bar
from semdim.questions.question import Question
from semdim.saes.load import Decoder
from semdim.uncertainty.activation_scores import ActivationFit


def study_answers(
    split: SplitModel,
    tokenizer: Any,
    sae: Encoder,
    decoder: Decoder,
    questions: Sequence[Question],
    spec: AnswersSpec,
    *,
    bos_token_id: int,
    seed: int,
    activation_fit: ActivationFit | None = None,
    progress: bool = True,
) -> AnswerStudy:
    """Ask, measure and compare.

    Args:
        split: a model of transformers, cut at the SAE's hook point; it answers with keys and values
            kept, and is then read in one pass over each prompt with its answer.
        tokenizer: its tokenizer.
        sae: it encodes raw activations.
        decoder: its decoder.
        questions: `semdim.questions.build.build_questions`.
        spec: how they are asked and compared.
        bos_token_id: what every prompt starts with.
        seed: of alternatives, samples, folds and resamples.
        activation_fit: familiar activations, for distances from them; None: there are none.
        progress: show a bar on a terminal.

    Raises:
        DataError: a prompt does not fit, an answer is no alternative, a score is not finite, there
            are fewer entities than folds.
    """
    bar: AbstractContextManager[Any] = nullcontext()
    if progress:
        total = len(questions) * (n_passes(tokenizer) + 1)
        bar = progress_bar(total=total, unit="questions", desc="answering")
    with bar as shown:
        update = (lambda n: None) if shown is None else shown.update
        answers = ask(
            split.model, tokenizer, questions, spec, bos_token_id=bos_token_id, seed=seed,
            update=update,
        )  # fmt: skip
        tokens = measure_tokens(split, sae, decoder, answers, update)
    further: dict[str, np.ndarray] = {}
    if activation_fit is not None:
        further = dict(activation_fit.score(tokens.activation))
    return run_study(questions, answers, tokens, spec, seed, further=further)
