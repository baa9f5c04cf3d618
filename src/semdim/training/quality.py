"""What an SAE is worth on text that it was not trained on."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from semdim.codes.encode import encode_rows
from semdim.codes.sparse import is_active
from semdim.forward.split import SplitModel
from semdim.progress import progress_bar
from semdim.proxies.names import parse_proxy
from semdim.proxies.reconstruct import Reconstructor
from semdim.text.samples import TokenSample
from semdim.tokens.sample import batches, bos_mask

ROWS = 2048


@dataclass(frozen=True)
class Measures:
    """BOS (position 0) is left out of every figure; losses are in bits per token."""

    n_tokens: int
    """Positions measured."""
    n_sequences: int
    n_documents: int
    mean_n_active: float
    std_n_active: float
    explained_variance: float
    """1 − Σ‖h − S(h)‖² / Σ‖h − mean‖², norm outliers left out."""
    explained_variance_with_outliers: float
    n_outliers: int
    """Positions whose norm exceeds ten medians."""
    loss: float
    """Mean loss of the model, not smoothed."""
    abs_gap: float
    """Mean over sequences of |loss of the model − loss with the SAE spliced in at all but BOS|."""
    signed_gap: float
    """The same without the absolute value: negative when the SAE costs."""
    silent_share: float
    """Share of atoms that fire at none of these positions."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@torch.no_grad()
def measure_sae(
    sae: Any,
    split: SplitModel,
    sample: TokenSample,
    *,
    bos_token_id: int,
    batch_sequences: int = 8,
    outlier_ratio: float = 10.0,
) -> Measures:
    """Measure an SAE that encodes raw activations (scale and norms folded) on a sample."""
    ids = torch.from_numpy(sample.token_ids).long()
    sae = sae.to(split.device)
    proxy = parse_proxy("sae", "no_bos")
    rebuild = Reconstructor(proxy, sae.W_dec.detach(), sae.b_dec.detach(), seed=0)
    columns: dict[str, list[Tensor]] = {name: [] for name in ("n_active", "error", "gap", "loss")}
    hidden: list[Tensor] = []
    fired = torch.zeros(sae.cfg.d_sae, dtype=torch.bool, device=split.device)
    with progress_bar(total=ids.numel(), desc="measuring") as bar:
        for batch in batches(len(ids), batch_sequences):
            tokens = ids[batch]
            activation = split.prefix(tokens)
            rows = activation.flatten(0, 1).float()
            codes = encode_rows(sae, rows, ROWS)
            mask = bos_mask(tokens.clone(), bos_token_id).flatten().to(split.device)
            spliced = rebuild(rows, codes, mask).view_as(activation).to(activation.dtype)
            before = split.next_token(split.suffix(activation), tokens).nll.view(len(tokens), -1)
            after = split.next_token(split.suffix(spliced), tokens).nll.view(len(tokens), -1)
            full = rebuild(rows, codes, torch.zeros_like(mask))
            inner = ~mask
            found = {
                "n_active": codes.n_active[inner],
                "error": (rows - full).pow(2).sum(dim=1)[inner],
                "loss": before.mean(dim=1),
                "gap": (before - after).mean(dim=1),
            }
            for name, column in found.items():
                columns[name].append(column.cpu())
            hidden.append(rows[inner].cpu())
            fired[codes.atoms[inner[codes.row_of]].long()] = True
            bar.update(tokens.numel())
    joined = {name: torch.cat(parts).double() for name, parts in columns.items()}
    h = torch.cat(hidden)
    regular = h.norm(dim=1) <= outlier_ratio * h.norm(dim=1).median()
    every = torch.ones_like(regular)
    return Measures(
        n_tokens=len(h),
        n_sequences=len(ids),
        n_documents=sample.n_documents,
        mean_n_active=float(joined["n_active"].mean()),
        std_n_active=float(joined["n_active"].std()),
        explained_variance=explained_variance(h, joined["error"], regular),
        explained_variance_with_outliers=explained_variance(h, joined["error"], every),
        n_outliers=int((~regular).sum()),
        loss=float(joined["loss"].mean()),
        abs_gap=float(joined["gap"].abs().mean()),
        signed_gap=float(joined["gap"].mean()),
        silent_share=float((~fired).double().mean()),
    )


def explained_variance(
    activations: Float[Tensor, "tokens d_model"],
    squared_error: Float[Tensor, " tokens"],
    where: Bool[Tensor, " tokens"],
) -> float:
    """1 − Σ‖h − S(h)‖² / Σ‖h − mean‖² over the tokens where ``where`` holds."""
    kept = activations[where]
    variance = (kept - kept.mean(dim=0)).double().pow(2).sum()
    return float(1 - squared_error[where].sum() / variance)


@torch.no_grad()
def silent_atoms(sae: Any, activations: Float[Tensor, "tokens d_model"]) -> float:
    """Share of atoms that fire nowhere in ``activations``."""
    fired = torch.zeros(sae.cfg.d_sae, dtype=torch.bool, device=sae.device)
    for rows in activations.split(ROWS):
        fired |= is_active(sae.encode(rows.to(sae.device).float())).any(dim=0)
    return float((~fired).double().mean())
