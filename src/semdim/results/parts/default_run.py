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
        "Near shifts, made from the same English: with 15 % of the tokens replaced k has AUROC "
        f"{replaced[0]:.3f} (entropy {replaced[1]:.3f}), with the words shuffled "
        f"{shuffled[0]:.3f} (entropy {shuffled[1]:.3f})."
    )
