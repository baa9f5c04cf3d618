"""BatchTopK that costs one dense product a step: everything after the encoder is sparse.

Of the N × dict_size pre-activations a step keeps N × k, half a per cent. SAELens decodes,
differentiates and counts them densely; here the decoder, both weight gradients and the gradient of
the codes run over the kept entries alone. The pre-activations are a bfloat16 product. It is the
same model, loss and checkpoint format (a subclass of SAELens's class, saved as JumpReLU).
"""

import warnings
from typing import Any

import torch
from jaxtyping import Float, Int
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
from sae_lens.saes.sae import TrainStepInput, TrainStepOutput
from sae_lens.saes.topk_sae import calculate_topk_aux_acts
from torch import Tensor

AUX_ROWS = 1024  # rows of a batch that the auxiliary loss looks at: its mean over them is unbiased
with warnings.catch_warnings():  # "CSR support is in beta", said once a process, on first use
    warnings.simplefilter("ignore")
    torch.zeros(1, 1).to_sparse_csr()
FLOOR_MARGIN = 0.9  # candidates are looked for above this share of the last batch's threshold


class SparseCodes:
    """The codes that a batch keeps, in CSR order (rows ascending, columns ascending in a row)."""

    def __init__(
        self, flat: Int[Tensor, " kept"], values: Float[Tensor, " kept"], shape: tuple[int, int]
    ) -> None:
        self.shape = shape
        self.values = values
        self.rows = flat // shape[1]
        self.columns = flat - self.rows * shape[1]
        self.row_starts = _starts(self.rows, shape[0])

    def csr(self, values: Float[Tensor, " kept"]) -> Tensor:
        return torch.sparse_csr_tensor(
            self.row_starts, self.columns, values, self.shape, check_invariants=False
        )

    def coo(self) -> Tensor:
        return torch.sparse_coo_tensor(
            torch.stack([self.rows, self.columns]),
            self.values,
            self.shape,
            is_coalesced=True,
            check_invariants=False,
        )

    def transposed_products(
        self, pairs: list[tuple[Float[Tensor, " kept"], Float[Tensor, "batch d_model"]]]
    ) -> list[Float[Tensor, "dict_size d_model"]]:
        """For each (values, dense): the transpose of the matrix with these values, times dense."""
        order = torch.argsort(self.columns, stable=True)
        starts = _starts(self.columns, self.shape[1])
        rows = self.rows[order]
        shape = (self.shape[1], self.shape[0])
        return [
            torch.sparse_csr_tensor(starts, rows, values[order], shape, check_invariants=False)
            @ dense
            for values, dense in pairs
        ]


def _starts(sorted_or_not: Int[Tensor, " kept"], n: int) -> Int[Tensor, " n_plus_one"]:
    starts = torch.zeros(n + 1, dtype=torch.int64, device=sorted_or_not.device)
    starts[1:] = torch.bincount(sorted_or_not, minlength=n).cumsum(0)
    return starts


class _SparseReconstruction(torch.autograd.Function):
    """Decoder output for fixed kept positions, with gradients for all four parameters."""

    @staticmethod
    def forward(
        ctx: Any,
        centred: Tensor,
        codes: SparseCodes,
        W_enc: Tensor,
        b_enc: Tensor,
        W_dec: Tensor,
        b_dec: Tensor,
    ) -> Tensor:
        ctx.codes = codes
        ctx.save_for_backward(centred, W_enc, W_dec)
        out = torch.nn.functional.embedding_bag(
            codes.columns, W_dec, codes.row_starts[:-1], mode="sum", per_sample_weights=codes.values
        )
        return out + b_dec

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        codes: SparseCodes = ctx.codes
        centred, W_enc, W_dec = ctx.saved_tensors
        grad_out = grads[0].contiguous()
        # d loss / d code, at the kept entries only
        grad_codes = torch.sparse.sampled_addmm(
            codes.csr(torch.zeros_like(codes.values)), grad_out, W_dec.t(), beta=0.0
        ).values()
        grad_W_dec, grad_W_enc = codes.transposed_products(
            [(codes.values, grad_out), (grad_codes, centred)]
        )
        grad_b_enc = torch.zeros(codes.shape[1], device=grad_out.device)
        grad_b_enc.index_add_(0, codes.columns, grad_codes)
        # b_dec is added to the output and subtracted from the input
        grad_b_dec = grad_out.sum(0) - W_enc @ grad_b_enc
        return None, None, grad_W_enc.t(), grad_b_enc, grad_W_dec, grad_b_dec


class SparseBatchTopK(BatchTopKTrainingSAE):
    """SAELens's BatchTopK training SAE with a sparse step.

    Decoder rows must have unit norm at each step (the trainer projects them), so that the
    pre-activations need no rescaling. Entries tied with the smallest kept one are kept too.
    """

    topk_threshold: Tensor

    def __init__(self, cfg: BatchTopKTrainingSAEConfig, use_error_term: bool = False) -> None:
        super().__init__(cfg, use_error_term)
        self._floor: float | None = None
        # Laid out like its gradient, which comes atom by atom: saves a transposition per step.
        self.W_enc.data = self.W_enc.data.t().contiguous().t()

    def process_state_dict_for_saving(self, state_dict: dict[str, Any]) -> None:
        super().process_state_dict_for_saving(state_dict)
        state_dict["W_enc"] = state_dict["W_enc"].contiguous()  # safetensors takes no other

    def training_forward_pass(self, step_input: TrainStepInput) -> TrainStepOutput:
        sae_in = step_input.sae_in
        with torch.no_grad():
            centred = sae_in - self.b_dec
            pre = torch.addmm(self.b_enc.bfloat16(), centred.bfloat16(), self.W_enc.bfloat16())
            codes, cut = self._select(pre)
            rate = self.cfg.topk_threshold_lr
            self.topk_threshold.mul_(1 - rate).add_(rate * cut)
        sae_out = _SparseReconstruction.apply(
            centred, codes, self.W_enc, self.b_enc, self.W_dec, self.b_dec
        )
        mse = (sae_out - sae_in).pow(2).sum(dim=-1).mean()
        aux = self._auxiliary_loss(sae_in, sae_out, step_input.dead_neuron_mask)
        return TrainStepOutput(
            sae_in=sae_in,
            sae_out=sae_out,
            feature_acts=codes.coo(),
            hidden_pre=pre,
            loss=mse + aux,
            losses={"mse_loss": mse, "auxiliary_reconstruction_loss": aux},
            metrics={"topk_threshold": self.topk_threshold},
        )

    def _select(self, pre: Float[Tensor, "batch dict_size"]) -> tuple[SparseCodes, float]:
        """The ``k × batch`` largest positive pre-activations, and the smallest of them.

        A full top-k over the batch costs seven encoder products; a threshold a little below the
        last one leaves few candidates, and the exact cut is taken among those.
        """
        wanted = int(self.cfg.k * pre.shape[0])
        floor = self._first_floor(pre) if self._floor is None else self._floor
        while True:
            flat = (pre > floor).flatten().nonzero().squeeze(1)
            if len(flat) >= wanted or floor == 0.0:
                break
            floor = 0.8 * floor if floor > 1e-6 else 0.0
        values = pre.flatten()[flat].float()
        cut = float(values.min()) if len(values) else 0.0
        if len(values) > wanted:
            cut = float(values.kthvalue(len(values) - wanted + 1).values)
            kept = values >= cut
            flat, values = flat[kept], values[kept]
        self._floor = FLOOR_MARGIN * cut
        return SparseCodes(flat, values, (pre.shape[0], pre.shape[1])), cut

    def _first_floor(self, pre: Float[Tensor, "batch dict_size"]) -> float:
        sample = pre[:64].float().flatten()
        wanted = min(int(self.cfg.k * len(pre[:64])), len(sample))
        return max(0.0, FLOOR_MARGIN * float(sample.topk(wanted).values[-1]))

    def _auxiliary_loss(
        self, sae_in: Tensor, sae_out: Tensor, dead: Tensor | None
    ) -> Float[Tensor, ""]:
        """SAELens's auxiliary loss (Gao et al. 2024, A.2), over the dead atoms alone."""
        n_dead = 0 if dead is None else int(dead.sum())
        if dead is None or n_dead == 0 or self.cfg.aux_loss_coefficient == 0.0:
            return sae_out.new_tensor(0.0)
        atoms = dead.nonzero().squeeze(1)
        residual = (sae_in[:AUX_ROWS] - sae_out[:AUX_ROWS]).detach()
        centred = (sae_in[:AUX_ROWS] - self.b_dec).detach()
        pre = centred @ self.W_enc[:, atoms] + self.b_enc[atoms]
        wanted = sae_in.shape[-1] // 2
        codes = calculate_topk_aux_acts(min(wanted, n_dead), pre, torch.ones_like(atoms).bool())
        loss = (codes @ self.W_dec[atoms] - residual).pow(2).sum(dim=-1).mean()
        return self.cfg.aux_loss_coefficient * min(n_dead / wanted, 1.0) * loss
