"""Which documents of a corpus are younger than the model that is to be measured on them."""

from dataclasses import dataclass
from datetime import date

from semdim.errors import DataError
from semdim.text.documents import Document
from semdim.text.independence import last_day
from semdim.text.rows import RowsSpec
from semdim.text.spec import CorpusSpec


@dataclass(frozen=True)
class Age:
    """A day that documents are compared with, and what is done with them."""

    frozen: date
    """The last day on which the model may have been changed."""
    older: str
    """`semdim.text.rows.RowsSpec.older`."""

    def reason_to_drop(self, document: Document) -> str | None:
        """Why a document is left out; None: it is not.

        Raises:
            DataError: such documents are to be refused.
        """
        reason = None
        if document.published is None:
            reason = "undated"
        elif document.published <= self.frozen:
            reason = "not_after_the_model"
        if self.older == "only":
            return "after_the_model" if reason is None else None
        if reason is not None and self.older == "refuse":
            when = "has no date" if document.published is None else f"is of {document.published}"
            raise DataError(
                f"The document {document.name} {when}, and the model was frozen on {self.frozen}: "
                "leave it out, or set older to drop."
            )
        return reason


def age_for(spec: CorpusSpec, frozen_at: str | None) -> Age | None:
    """The comparison that a corpus asks for; None: it has no dates, or the model states none.

    Raises:
        ConfigError: ``frozen_at`` is no date.
    """
    if not isinstance(spec, RowsSpec) or spec.date_column is None or frozen_at is None:
        return None
    return Age(last_day(frozen_at, "frozen_at"), spec.older)
