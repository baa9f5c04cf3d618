"""Losses of a probe's proxies on one corpus: what is there and still holds is kept."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from semdim.artifacts.kept import KeptFolder
from semdim.artifacts.protocols import MissingShards, ShardSource, is_stored
from semdim.artifacts.shards import MANIFEST, Artifact
from semdim.codes.source import token_columns
from semdim.forward.hook_points import parse_hook
from semdim.models.facts import read_facts
from semdim.paths import CODE_COLUMNS
from semdim.proxies.losses import CodeColumns, LossColumn, ModelItself, compute_losses, n_shards_of
from semdim.proxies.names import Proxy, parse_proxy
from semdim.proxies.reconstruct import Reconstructor
from semdim.saes.load import Decoder, load_decoder
from semdim.text.samples import count_sequences
from semdim.tokens.sample import load_tokens
from semdim.workers.job import Work
from stages.support.cached_activations import cached_activations
from stages.support.codes import open_both
from stages.support.load import load_split, start_engine
from stages.support.run import Run, say
from stages.support.shardwise import Step, compute

KINDS = "semdim.proxies.kinds"
OfCode = Callable[[dict[str, Tensor], Tensor], dict[str, Tensor]]


def losses_of(
    run: Run,
    folder: Path,
    names: Sequence[str],
    n_tokens: Callable[[str, int], int],
    *,
    columns: Callable[[Run], OfCode],
    reads: Sequence[Path] = (),
) -> None:
    """Compute the losses of ``names`` on the unit's corpus into ``folder``, one pass for all.

    n_tokens: how many of the corpus's tokens a proxy is run on.
    columns: what the same pass keeps of codes that are not stored.
    reads: manifests of what ``columns`` reads.
    """
    kept, activations = KeptFolder(folder), cached_activations(run, run.corpus)
    token_ids, _ = load_tokens(run.paths.tokens(run.model, run.corpus))
    context = token_ids.shape[1]
    sizes = {name: count_sequences(n_tokens(name, token_ids.numel()), context) for name in names}
    proxies = {name: parse_proxy(name, run.setting("splice")) for name in names}
    keys = {name: _key(run, folder / name, proxies[name], sizes[name]) for name in names}
    writers = {
        name: run.resumed(folder / name, keys[name], n_shards_of(sizes[name], activations))
        for name in names
        if not kept.holds(name, keys[name])
    }
    done, new = ", ".join(writers), {name: sizes[name] for name in writers}
    of_codes = []
    if not is_stored(Artifact.open(run.paths.codes(run.probe, run.corpus))):
        inputs = [*_sources(run), *reads]
        keys[CODE_COLUMNS] = run.key(folder / CODE_COLUMNS, inputs=inputs, params={})
        if not kept.holds(CODE_COLUMNS, keys[CODE_COLUMNS]):
            of_codes = [run.resumed(folder / CODE_COLUMNS, keys[CODE_COLUMNS], len(activations))]
    step = Step(
        load,
        tuple((writers[name], new[name] * context) for name in new),
        (new, columns),
        tuple((writer, token_ids.numel()) for writer in of_codes),
    )
    compute(run, f"{run.probe} {done} on {run.corpus}", step)
    for writer in of_codes:
        writer.publish({})
    for name, writer in writers.items():
        proxy = proxies[name]
        writer.publish({"proxy": proxy.name, "kind": proxy.kind, "splice": proxy.splice})
    kept.note(keys)
    say(f"losses on {run.corpus}: {done or 'nothing new'} -> {folder}")


def load(run: Run, sizes: Mapping[str, int], columns: Callable[[Run], OfCode]) -> Work:
    """The model, and how each proxy replaces what it reads.

    sizes: the proxies, each with the sequences that it is run on.
    columns: what a writer behind those of the proxies is for.
    """
    device = start_engine(run)
    split, decoder = load_split(run, device), load_decoder(run.paths.sae(run.probe)).to(device)
    token_ids, _ = load_tokens(run.paths.tokens(run.model, run.corpus))
    opened = open_both(run, run.corpus, split)
    bos_token_id = read_facts(run.paths.model(run.model)).bos_token_id
    batch, model = run.setting("engine.batch_sequences"), _model_itself(run)
    reconstruct = [_reconstructor(run, name, decoder, opened.activations) for name in sizes]

    def work(writers: Sequence[MissingShards], update: Callable[[int], object]) -> None:
        of_proxies, of_codes = writers[: len(sizes)], None
        if len(writers) > len(sizes):
            of_codes = CodeColumns(writers[-1], columns(run))
        of_proxy = [
            LossColumn(*column)
            for column in zip(reconstruct, of_proxies, sizes.values(), strict=True)
        ]
        compute_losses(
            split, of_proxy, token_ids, opened.activations, opened.codes,
            bos_token_id=bos_token_id, batch_sequences=batch, model=model, update=update,
            of_codes=of_codes,
        )  # fmt: skip

    return work


def _model_itself(run: Run) -> ModelItself:
    """What the proxies are compared with: the stream that `model_losses` kept, where it is of the
    same weights. Those of another probe's hook point may have been processed in another way."""
    losses = Artifact.open(run.paths.model_losses(run.model, run.corpus))
    is_same = losses.facts["processing"] == list(parse_hook(run.hook)[1])
    return ModelItself(run.setting("grid.kl_smoothing"), losses if is_same else None)


def _key(run: Run, final: Path, proxy: Proxy, n_sequences: int) -> str:
    """What the losses of one proxy are kept and resumed under."""
    inputs = [*_sources(run), run.paths.model_losses(run.model, run.corpus) / MANIFEST]
    if find_spec(f"{KINDS}.{proxy.kind}") is None:  # it comes from a plugin
        inputs.append(run.paths.plugins)
    if proxy.needs_order:
        inputs.append(run.paths.atom_order(run.probe) / MANIFEST)
    params = {
        "proxy": proxy.name,
        "splice": proxy.splice,
        "seed": run.setting("seed"),
        "n_sequences": n_sequences,
        "smoothing": run.setting("grid.kl_smoothing"),
        "compute_dtype": run.compute_dtype,
        "backend": run.backend,
    }
    return run.key(final, inputs=inputs, params=params, kinds={KINDS: [proxy.kind]})


def of_ledger(run: Run) -> OfCode:
    """What the ledger says of a token's code."""
    return token_columns


def _sources(run: Run) -> list[Path]:
    """What activations and codes are determined by."""
    return [
        run.paths.model(run.model) / "facts.json",
        run.paths.sae(run.probe) / "facts.json",
        run.paths.activations(run.model, run.hook, run.corpus) / MANIFEST,
        run.paths.codes(run.probe, run.corpus) / MANIFEST,
    ]


def _reconstructor(
    run: Run, name: str, decoder: Decoder, activations: ShardSource
) -> Reconstructor:
    """What one proxy puts at the hook point."""
    proxy, order = parse_proxy(name, run.setting("splice")), None
    if proxy.needs_order:
        order = Artifact.open(run.paths.atom_order(run.probe)).read(0)["order"]
    return Reconstructor(
        proxy,
        decoder.weight,
        decoder.bias,
        seed=run.setting("seed"),
        atom_order=order,
        activations=activations,
    )
