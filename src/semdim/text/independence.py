"""What speaks for a sample's independence of the model and the autoencoder, beside assumption."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from semdim.errors import ConfigError, DataError

LENGTHS = {4: "%Y", 7: "%Y-%m", 10: "%Y-%m-%d"}


@dataclass(frozen=True)
class Independence:
    """What is known of a sample."""

    frozen_at: str | None = None
    """The last day on which the model may have been changed, as YYYY-MM-DD; None: not stated, or
    the documents have no dates."""
    first_published: str | None = None
    """The day of the oldest document, as YYYY-MM-DD."""
    apart_from: tuple[str, ...] = ()
    """Folders of autoencoders with whose training text no document overlaps."""

    @property
    def is_by_date(self) -> bool:
        """Whether every document was first published after the model was frozen."""
        if self.frozen_at is None or self.first_published is None:
            return False
        return self.first_published > self.frozen_at


def first_day(value: Any, where: str) -> date | None:
    """The first day that a date of publication can mean; None for null and blank.

    Args:
        value: a date or time of Python, or text that begins with YYYY, YYYY-MM or YYYY-MM-DD.
        where: the row, for messages.

    Raises:
        DataError: it is no date.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).date()
    if isinstance(value, date):
        return value
    found = days_of(str(value).strip()) if isinstance(value, str | int) else None
    if found is None:
        raise DataError(
            f"{where} has the date {value!r}, but a date must be YYYY-MM-DD, YYYY-MM or YYYY: "
            "correct it, or leave it empty."
        )
    return found[0]


def last_day(text: str, where: str) -> date:
    """The last day that a date such as 2024, 2024-06 or 2024-06-30 can mean.

    Raises:
        ConfigError: it is no date.
    """
    found = days_of(text.strip())
    if found is None:
        raise ConfigError(f"{where} = {text!r} must be a date: YYYY-MM-DD, YYYY-MM or YYYY.")
    return found[1]


def days_of(text: str) -> tuple[date, date] | None:
    """The first and last day that YYYY-MM-DD, YYYY-MM, YYYY or a time of ISO 8601 can mean; None:
    it is no date."""
    if len(text) > 10 and text[10] in "T ":
        try:
            day = first_day(datetime.fromisoformat(text), "")
        except ValueError:
            return None
        return None if day is None else (day, day)
    try:
        first = datetime.strptime(text, LENGTHS[len(text)]).date()
    except (KeyError, ValueError):
        return None
    if len(text) == 10:
        return first, first
    if len(text) == 4:
        return first, date(first.year, 12, 31)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return first, following - timedelta(days=1)
