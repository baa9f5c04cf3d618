"""Does k know when an answer is wrong? What answer_questions found, set by set."""

from markupsafe import Markup

from semdim.report.sentences import reading
from semdim.report.wording import say
from semdim.results.read import ProbeResults


@reading("knows_answers", section="answers", position=10)
def knows_answers(probes: list[ProbeResults]) -> list[Markup]:
    """The verdict of each set of questions, as it was computed from its numbers."""
    return [
        say("{name}: {sentence}", name=probe.name, sentence=sentence)
        for probe in probes
        for found in probe.answers.values()
        for sentence in (f"Question set: {found.questions}.", *found.verdict)
    ]
