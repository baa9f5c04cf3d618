"""Losses of a probe's proxies on one corpus: what is there and still holds is kept."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from semdim.artifacts.kept import KeptFolder
from semdim.artifacts.protocols import MissingShards, ShardSource
from semdim.artifacts.shards import MANIFEST, Artifact
from semdim.forward.hook_points import parse_hook
from semdim.models.facts import read_facts
from semdim.proxies.losses import LossColumn, ModelItself, compute_losses, n_shards_of
from semdim.proxies.names import Proxy, parse_proxy
from semdim.proxies.reconstruct import Reconstructor
from semdim.saes.load import Decoder, load_decoder
from semdim.text.samples import count_sequences
from semdim.tokens.sample import load_tokens
from semdim.workers.job import Work
from stages.support.load import cached_activations, load_split, open_activations, start_engine
from stages.support.run import Run, say
from stages.support.shardwise import Step, compute

KINDS = "semdim.proxies.kinds"


def losses_of(
    run: Run, folder: Path, names: Sequence[str], n_tokens: Callable[[str, int], int]
) -> None:
    """Compute the losses of ``names`` on the unit's corpus into ``folder``, one pass for all.

    n_tokens: how many of the corpus's tokens a proxy is run on.
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
    compute(
        run,
        f"{run.probe} {done} on {run.corpus}",
        Step(load, tuple((writers[name], new[name] * context) for name in new), (new,)),
    )
    for name, writer in writers.items():
        proxy = proxies[name]
        writer.publish({"proxy": proxy.name, "kind": proxy.kind, "splice": proxy.splice})
    kept.note(keys)
    say(f"losses on {run.corpus}: {done or 'nothing new'} -> {folder}")


def load(run: Run, sizes: Mapping[str, int]) -> Work:
    """The model, and how each proxy replaces what it reads.

    sizes: the proxies, each with the sequences that it is run on.
    """
    device = start_engine(run)
    split, decoder = load_split(run, device), load_decoder(run.paths.sae(run.probe)).to(device)
    token_ids, _ = load_tokens(run.paths.tokens(run.model, run.corpus))
    activations = open_activations(run, run.corpus, split)
    codes = Artifact.open(run.paths.codes(run.probe, run.corpus))
    bos_token_id = read_facts(run.paths.model(run.model)).bos_token_id
    batch, model = run.setting("engine.batch_sequences"), _model_itself(run)
    reconstruct = [_reconstructor(run, name, decoder, activations) for name in sizes]

    def work(writers: Sequence[MissingShards], update: Callable[[int], object]) -> None:
        columns = [
            LossColumn(*column) for column in zip(reconstruct, writers, sizes.values(), strict=True)
        ]
        compute_losses(
            split, columns, token_ids, activations, codes,
            bos_token_id=bos_token_id, batch_sequences=batch, model=model, update=update,
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
