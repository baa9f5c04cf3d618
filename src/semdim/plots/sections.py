"""The sections of the report, in order: where figures, tables and sentences stand."""

SECTIONS: dict[str, str] = {
    "verdict": "The verdict",
    "claim": "The claim",
    "bound": "The bound by sample size",
    "certified": "What is actually certified",
    "sparsity": "How sparse the codes are",
    "faithful": "How faithful this SAE is",
    "ablations": "Ablations and the splice",
    "selection": "Choosing k, choosing atoms",
    "dynamic": "Does risk grow with k?",
    "ood": "Is k a warning sign?",
    "errors": "Does k know when the model is wrong?",
    "answers": "Does k know when an answer is wrong?",
    "models": "Models side by side",
    "references": "How this compares with other work",
    "reproduce": "How to reproduce",
    "setup": "The set-up in full",
    "absent": "What was not computed",
}
"""Heading of each section by its name; its text is report/sections/<name>.html."""


def place(section: str, position: int) -> tuple[int, int]:
    """A key that sorts what stands in the report into the order of the page."""
    return list(SECTIONS).index(section), position
