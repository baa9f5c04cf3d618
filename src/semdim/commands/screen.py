"""The terminal that commands print on: what a user, a file or a library said is never markup.

Styles are given as such (``style="bold"``, `rich.text.Text`), so that ``[/bold]`` in the name of a
folder is a name. Escape sequences in plain strings are made visible.
"""

from typing import Any

from rich.console import Console
from rich.text import Text

from semdim.quoting import visible


class Screen(Console):
    """A console without markup, emoji codes and colours of its own choice."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """A string as text: all that is printed comes through here, cells of tables too."""
        return super().render_str(visible(text, keep="\n\t"), **options)
