"""Questions in a Hugging Face data set: from the hub, from its cache, or from disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from semdim.fields import setting
from semdim.questions.kind import QUESTION_KINDS
from semdim.questions.question import Fact
from semdim.questions.rows import RowQuestions
from semdim.text.kinds.datasets import DatasetsCorpus, rows


@dataclass(frozen=True, kw_only=True)
class DatasetsQuestions(RowQuestions):
    """What ``datasets.load_dataset`` reads, such as TriviaQA and PopQA."""

    kind: Literal["datasets"] = "datasets"
    path: str = setting(not_empty=True)
    """A hub id, a local folder, or the name of a loader such as ``json``."""
    name: str | None = None
    """The configuration, such as ``rc.nocontext`` of TriviaQA."""
    split: str = setting("validation", not_empty=True)
    """The split of the data set."""
    data_files: tuple[str, ...] = setting((), one_is_a_list=True)
    """The files to read, as paths or globs, where the loader wants them named."""
    streaming: bool = True
    """Read as it comes, instead of downloading the whole data set first."""
    revision: str | None = None
    """The commit or tag on the hub; fix it for results that can be repeated."""

    def facts(self) -> Iterator[Fact]:
        """The fact of each row, in the data set's own order, named ``<path>:<row>``."""
        return self.read_rows(rows(self._data_set(), self.columns))

    def source(self) -> dict[str, Any]:
        """See `semdim.text.kinds.datasets.DatasetsCorpus.source`."""
        return self._data_set().source()

    def _data_set(self) -> DatasetsCorpus:
        return DatasetsCorpus(
            path=self.path, name=self.name, split=self.split, data_files=self.data_files,
            streaming=self.streaming, revision=self.revision,
        )  # fmt: skip


QUESTION_KINDS.add("datasets", DatasetsQuestions)
