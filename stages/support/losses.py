"""Losses of a probe's proxies on one corpus: what is there and still holds is kept."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from semdim.artifacts.kept import KeptFolder
from semdim.artifacts.shards import MANIFEST, Artifact
from semdim.forward.hook_points import parse_hook
from semdim.models.facts import read_facts
from semdim.progress import progress_bar
from semdim.proxies.losses import LossColumn, ModelItself, compute_losses, n_shards_of
from semdim.proxies.names import Proxy, parse_proxy
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
    context = token_ids.shape[1]
    sizes = {name: count_sequences(n_tokens(name, token_ids.numel()), context) for name in names}
    proxies = {name: parse_proxy(name, run.setting("splice")) for name in names}
    keys = {name: _key(run, folder / name, proxies[name], sizes[name]) for name in names}
    decoder = load_decoder(run.paths.sae(run.probe)).to(device)
    columns = [
        _column(run, folder / name, proxies[name], decoder, sizes[name], keys[name])
        for name in names
        if not kept.holds(name, keys[name])
    ]
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
            model=_model_itself(run),
            update=bar.update,
        )


def _model_itself(run: Run) -> ModelItself:
    """What the proxies are compared with: the stream that `model_losses` kept, where it is of the
    same weights. Those of another probe's hook point may have been processed in another way."""
    losses = Artifact.open(run.paths.model_losses(run.model, run.corpus))
    is_same = losses.facts["processing"] == list(parse_hook(run.hook)[1])
    return ModelItself(run.setting("grid.kl_smoothing"), losses if is_same else None)


def _key(run: Run, final: Path, proxy: Proxy, n_sequences: int) -> str:
    """What the losses of one proxy are kept and resumed under."""
    inputs = [
        run.paths.model(run.model) / "facts.json",
        run.paths.sae(run.probe) / "facts.json",
        run.paths.activations(run.model, run.hook, run.corpus) / MANIFEST,
        run.paths.codes(run.probe, run.corpus) / MANIFEST,
        run.paths.model_losses(run.model, run.corpus) / MANIFEST,
    ]
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


def _column(
    run: Run, final: Path, proxy: Proxy, decoder: Decoder, n_sequences: int, key: str
) -> LossColumn:
    """One proxy and the writer of its losses, which finds what an earlier run has finished."""
    order = None
    if proxy.needs_order:
        order = Artifact.open(run.paths.atom_order(run.probe)).read(0)["order"]
    seed = run.setting("seed")
    reconstruct = Reconstructor(proxy, decoder.weight, decoder.bias, seed=seed, atom_order=order)
    activations = Artifact.open(run.paths.activations(run.model, run.hook, run.corpus))
    writer = run.resumed(final, key, n_shards_of(n_sequences, activations))
    return LossColumn(reconstruct, writer, n_sequences)
