"""Where every artifact lives. The only place that spells a path of the pipeline.

outputs/models/<model>/            export, tokens, the model's own losses
outputs/models/<model>/hooks/<hook>/   activations, what is familiar there, distances from it
outputs/probes/<probe>/            the SAE, codes, losses of proxies, ledgers
results/probes/<probe>/            the small results that git keeps
"""

import inspect
from dataclasses import dataclass
from pathlib import Path

CODE_COLUMNS = "code-columns"
"""Within a folder of losses, what the ledger says of codes that are not stored; no proxy has such a
name."""


@dataclass(frozen=True)
class Paths:
    """Paths under a project's root: large artifacts in ``outputs/``, small results in git."""

    root: Path = Path(".")

    @property
    def outputs(self) -> Path:
        return self.root / "outputs"

    @property
    def partial(self) -> Path:
        """Unfinished work, one folder for each key."""
        return self.outputs / "partial"

    @property
    def inputs(self) -> Path:
        """What check_params found at the sources of text, models and SAEs."""
        return self.outputs / "inputs"

    @property
    def engine(self) -> Path:
        """The record of the dtype that check_params found for the forward passes."""
        return self.inputs / "engine.json"

    @property
    def rates(self) -> Path:
        """How fast stages were when they last ran: no part of any artifact."""
        return self.partial / "rates.json"

    def source(self, what: str, name: str) -> Path:
        """The record of one source; what: corpora, models or probes."""
        return self.inputs / what / f"{name}.json"

    def code(self, module: str) -> Path:
        """The record of a stage's code, in a folder beside an installed semdim."""
        return self.inputs / "code" / f"{module}.json"

    @property
    def plugins(self) -> Path:
        """The record of the modules from outside that this run imports."""
        return self.inputs / "plugins.json"

    def model(self, model: str) -> Path:
        """The exported language model."""
        return self.outputs / "models" / model / "export"

    def tokens(self, model: str, corpus: str) -> Path:
        return self.outputs / "models" / model / "tokens" / corpus

    def model_losses(self, model: str, corpus: str) -> Path:
        """Losses of the proxy ``model`` and the model's scores: one for all of its probes."""
        return self.outputs / "models" / model / "losses" / corpus

    def at_hook(self, model: str, hook: str) -> Path:
        """All that is computed at a hook point, for whatever SAE reads there."""
        return self.outputs / "models" / model / "hooks" / hook

    def activations(self, model: str, hook: str, corpus: str) -> Path:
        return self.at_hook(model, hook) / "activations" / corpus

    def activation_fit(self, model: str, hook: str) -> Path:
        """What the scores from activations know of the sample's fit documents."""
        return self.at_hook(model, hook) / "activation_fit"

    def scores(self, model: str, hook: str, corpus: str) -> Path:
        """Scores from activations, a row per token as in the ledger, which they do not touch."""
        return self.at_hook(model, hook) / "scores" / f"{corpus}.parquet"

    def of_probe(self, probe: str) -> Path:
        return self.outputs / "probes" / probe

    def sae(self, probe: str) -> Path:
        """The exported SAE."""
        return self.of_probe(probe) / "sae"

    def hook(self, probe: str) -> Path:
        """Which model a probe reads, and where."""
        return self.of_probe(probe) / "hook.json"

    def codes(self, probe: str, corpus: str) -> Path:
        return self.of_probe(probe) / "codes" / corpus

    def atom_order(self, probe: str) -> Path:
        return self.of_probe(probe) / "atom_order"

    def losses(self, probe: str, corpus: str) -> Path:
        """Losses of the proxies of every corpus but ``model``, a folder for each proxy."""
        return self.of_probe(probe) / "losses" / corpus

    def further_losses(self, probe: str, sample: str) -> Path:
        """Losses of the proxies that only the sample has, a folder for each proxy."""
        return self.of_probe(probe) / "further_losses" / sample

    def ledger(self, probe: str, corpus: str) -> Path:
        return self.of_probe(probe) / "ledger" / f"{corpus}.parquet"

    def further_ledger(self, probe: str, sample: str) -> Path:
        """Columns that only the bounds read: they join the sample's ledger by position."""
        return self.of_probe(probe) / "further" / f"{sample}.parquet"

    def answers(self, probe: str, questions: str) -> Path:
        """A row per question of a set: what was answered, and every score."""
        return self.of_probe(probe) / "answers" / f"{questions}.parquet"

    def gathered(self, probe: str, corpus: str) -> Path:
        """Which tables of a probe belong to a run, up to one corpus of its chain."""
        return self.of_probe(probe) / "gathered" / f"{corpus}.json"

    def gathered_results(self, probe: str) -> Path:
        """Which results belong to a run, up to one probe of its chain."""
        return self.outputs / "gathered" / f"{probe}.json"

    @property
    def all_results(self) -> Path:
        return self.root / "results" / "probes"

    def results(self, probe: str) -> Path:
        return self.all_results / probe

    def answer_results(self, probe: str, questions: str) -> Path:
        """What was found of the answers to a set of questions."""
        return self.results(probe) / "answers" / questions

    @property
    def figures(self) -> Path:
        return self.root / "results" / "figures"

    @property
    def tables(self) -> Path:
        return self.root / "results" / "tables"

    @property
    def report(self) -> Path:
        return self.root / "results" / "report.html"


def folder_names() -> frozenset[str]:
    """Every name that `Paths` gives to a folder or a file (without its ending), lower case.

    A model, probe or corpus of such a name would make two things of one name in a path.
    """
    paths, unknown, found = Paths(), "\0", set[str]()
    for name, member in vars(Paths).items():
        if isinstance(member, property):
            found.update(getattr(paths, name).with_suffix("").parts)
        elif inspect.isfunction(member) and not name.startswith("_"):
            n_names = len(inspect.signature(member).parameters) - 1
            parts = member(paths, *[unknown] * n_names).with_suffix("").parts
            found.update(part for part in parts if unknown not in part)
    return frozenset(part.lower() for part in found)
