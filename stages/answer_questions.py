"""answer_questions: questions with known answers -> does k tell a wrong one, an invented entity?"""

from semdim.answers.measure import study_answers
from semdim.answers.spec import AnswersSpec
from semdim.answers.write import write_rows, write_study
from semdim.artifacts.shards import Artifact
from semdim.models.facts import read_facts
from semdim.models.tokenizer import load_tokenizer
from semdim.questions.build import build_questions
from semdim.questions.spec import QuestionsSpec
from semdim.saes.load import load_decoder, load_sae
from semdim.uncertainty.activation_scores import ActivationFit
from stages.support.load import load_answering, start_engine
from stages.support.run import Run, say
from stages.support.startup import stage


@stage
def main(run: Run) -> None:
    paths, probe, name, seed = run.paths, run.probe, run.questions, run.setting("seed")
    asked = QuestionsSpec.from_mapping(run.source("questions", name), f"questions.{name}")
    spec, device = run.read("answers", AnswersSpec), start_engine(run)
    exported, sae = paths.model(run.model), paths.sae(probe)
    facts = read_facts(exported)
    study = study_answers(
        load_answering(run, device),
        load_tokenizer(exported),
        load_sae(sae, device=device),
        load_decoder(sae).to(device),
        build_questions(asked, seed),
        spec,
        bos_token_id=facts.bos_token_id,
        seed=seed,
        activation_fit=ActivationFit.from_artifact(
            Artifact.open(paths.activation_fit(run.model, run.hook))
        ),
    )
    write_rows(paths.answers(probe, name), study)
    about = {"model": facts.name, "probe": probe, "hook": run.hook, "questions": name}
    for sentence in write_study(
        paths.answer_results(probe, name), study, spec, about | {"dtype": run.compute_dtype}
    ):
        say(f"{probe} on {name}: {sentence}")


if __name__ == "__main__":
    main()
