"""The registry of kinds of questions.

A kind is a frozen dataclass that derives from `semdim.questions.spec.QuestionsSpec`: its fields are
its settings, ``facts`` reads what is asked about, ``source`` says what identifies it. To add one is
to add one file, in `semdim.questions.kinds` or in a plugin, that ends with
``QUESTION_KINDS.add(name, class)``.
"""

from typing import Any

from semdim.registry import Registry

#: Classes that derive from `semdim.questions.spec.QuestionsSpec`, by the kind's name.
QUESTION_KINDS: Registry[Any] = Registry("kind of questions", "semdim.questions.kinds")
