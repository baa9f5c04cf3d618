"""Losses of a probe's proxies on one corpus: what is there and still holds is kept."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from semdim.artifacts.kept import KeptFolder
from semdim.artifacts.shards import MANIFEST, Artifact
from semdim.models.facts import read_facts
from semdim.progress import progress_bar
from semdim.proxies.losses import LossColumn, compute_losses, n_shards_of
from semdim.proxies.names import parse_proxy
from semdim.proxies.reconstruct import Reconstructor
from semdim.saes.load import Decoder, load_decoder
from semdim.text.samples import count_sequences
from semdim.tokens.sample import load_tokens
from stages.support.load import load_split, open_activations, start_engine
from stages.support.run import Run, say
from stages.support.timed import timed

KINDS = "semdim.proxies.kinds"


def losses_of(
    run: Run, folder: Path, names: Sequence[str], n_tokens: Callable[[str, int], int]
) -> None:
    """Compute the losses of ``names`` on the unit's corpus into ``folder``, one pass for all.

    n_tokens: how many of the corpus's tokens a proxy is run on.
    """
    device, kept = start_engine(run), KeptFolder(folder)
    token_ids, _ = load_tokens(run.paths.tokens(run.model, run.corpus))
    decoder = load_decoder(run.paths.sae(run.probe)).to(device)
    keys, columns = {}, []
    for name in names:
        column, key = _column(run, folder / name, name, decoder, token_ids, n_tokens)
        keys[name] = key
        if not kept.holds(name, key):
            columns.append(column)
    if any(column.writer.missing for column in columns):
        _compute(run, columns, token_ids, device)
    for column in columns:
        proxy = column.reconstruct.proxy
        column.writer.publish({"proxy": proxy.name, "kind": proxy.kind, "splice": proxy.splice})
    kept.note(keys)
    done = ", ".join(column.reconstruct.proxy.name for column in columns) or "nothing new"
    say(f"losses on {run.corpus}: {done} -> {folder}")


def _compute(run: Run, columns: list[LossColumn], token_ids: Tensor, device: str) -> None:
    split = load_split(run, device)
    parts = [(c.writer, (c.n_sequences or 0) * token_ids.shape[1]) for c in columns]
    total = sum(n_tokens for _, n_tokens in parts)
    what = ", ".join(column.reconstruct.proxy.name for column in columns)
    with (
        progress_bar(total=total, desc=f"{run.probe} {what} on {run.corpus}") as bar,
        timed(run, *parts),
    ):
        compute_losses(
            split,
            columns,
            token_ids,
            open_activations(run, run.corpus, split),
            Artifact.open(run.paths.codes(run.probe, run.corpus)),
            bos_token_id=read_facts(run.paths.model(run.model)).bos_token_id,
            batch_sequences=run.setting("engine.batch_sequences"),
            update=bar.update,
        )


def _column(
    run: Run,
    final: Path,
    name: str,
    decoder: Decoder,
    token_ids: Tensor,
    n_tokens: Callable[[str, int], int],
) -> tuple[LossColumn, str]:
    """One proxy and the writer of its losses, which finds what an earlier run has finished."""
    proxy = parse_proxy(name, run.setting("splice"))
    activations = Artifact.open(run.paths.activations(run.model, run.hook, run.corpus))
    inputs = [
        run.paths.model(run.model) / "facts.json",
        run.paths.sae(run.probe) / "facts.json",
        activations.folder / MANIFEST,
        run.paths.codes(run.probe, run.corpus) / MANIFEST,
    ]
    if find_spec(f"{KINDS}.{proxy.kind}") is None:  # it comes from a plugin
        inputs.append(run.paths.plugins)
    order = None
    if proxy.needs_order:
        folder = run.paths.atom_order(run.probe)
        order = Artifact.open(folder).read(0)["order"]
        inputs.append(folder / MANIFEST)
    seed = run.setting("seed")
    reconstruct = Reconstructor(proxy, decoder.weight, decoder.bias, seed=seed, atom_order=order)
    n_sequences = count_sequences(n_tokens(name, token_ids.numel()), token_ids.shape[1])
    writer = run.writer(
        final,
        inputs=inputs,
        params={
            "proxy": proxy.name,
            "splice": proxy.splice,
            "seed": seed,
            "n_sequences": n_sequences,
            "compute_dtype": run.compute_dtype,
        },
        n_shards=n_shards_of(n_sequences, activations),
        kinds={KINDS: [proxy.kind]},
    )
    return LossColumn(reconstruct, writer, n_sequences), writer.key
