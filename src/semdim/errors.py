"""The errors that a user can cause. Each message is one sentence or two: what, where, what was
expected, what to do. Anything else that is raised is a defect of semdim."""

from semdim.quoting import visible


class SemdimError(Exception):
    """Base class: the command line and the stages print its message without a traceback.

    Names, paths and values in it may be anybody's: what a terminal would obey is made visible.
    """

    def __str__(self) -> str:
        return visible(super().__str__(), keep="\n\t")


class ConfigError(SemdimError):
    """A setting that is unknown, out of range, or contradicts another one."""


class DataError(SemdimError):
    """Text, token ids, or tensors that cannot be used as they are."""


class MismatchError(SemdimError):
    """Two things that do not belong together: an SAE and a model, a threshold and an SAE."""


class ArtifactError(SemdimError):
    """An artifact that is missing, damaged, or written by another schema version."""


class MemoryLimitError(SemdimError):
    """The smallest possible batch does not fit the device's memory."""


class HubError(SemdimError):
    """Something that has to be fetched from a hub that cannot be reached."""


class WorkerError(SemdimError):
    """A cluster that cannot be worked on, or shards that its workers could not compute."""
