"""README's figures of the default run and of the near shifts, beside its table (`readme`)."""

import contextlib
import io

from semdim.results.pages import Repository, part
from semdim.results.parts.ood import auroc, the_probe


@part("summary")
def summary(repository: Repository) -> str:
    """What `semdim summary` prints of the committed results."""
    from semdim.commands.summary import summary as show

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        show(repository.root / "results")
    text = printed.getvalue().replace(f"{repository.root.as_posix()}/", "").rstrip()
    return f"```text\n{text}\n```"


@part("near_shifts")
def near_shifts(repository: Repository) -> str:
    """k and entropy on the near shifts, each at its own level."""
    probe = the_probe(repository)
    (replaced, shuffled) = (
        [auroc(probe, score, shift) for score in ("n_active", "entropy")]
        for shift in ("english_replaced", "english_shuffled")
    )
    return (
        "On near shifts made from the same English text, the AUROC of k is "
        f"{replaced[0]:.3f} if 15 % of the tokens are replaced (entropy: {replaced[1]:.3f}) and "
        f"{shuffled[0]:.3f} if the words are shuffled (entropy: {shuffled[1]:.3f})."
    )
