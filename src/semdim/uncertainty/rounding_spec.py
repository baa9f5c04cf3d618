"""The settings of measure_rounding."""

from dataclasses import dataclass

from semdim.fields import check, setting


@dataclass(frozen=True)
class RoundingSpec:
    """The ``rounding`` group."""

    n_tokens: int = setting(2048, at_least=0, at_most=1_000_000_000)
    """Tokens of each corpus, from its beginning and in whole sequences; 0: nothing is measured."""

    def __post_init__(self) -> None:
        check(self, "rounding")
