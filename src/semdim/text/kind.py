"""The registry of corpus kinds.

A kind is a class: its fields are the settings that it has (``path``, say), and its methods read the
text and say what identifies it. To add one is to add one file, in `semdim.text.kinds` or in a
plugin: a frozen dataclass that derives from `TextSpec` (documents are read), `DerivedSpec` (another
corpus is changed) or `DrawnSpec` (no text at all), and ends with ``KINDS.add(name, class)``.
"""

from typing import Any

from semdim.registry import Registry

#: Classes that derive from `semdim.text.spec.CorpusSpec`, by the kind's name.
KINDS: Registry[Any] = Registry("kind of corpus", "semdim.text.kinds")
