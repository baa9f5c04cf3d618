"""What is done for a GPU alone, held where there is none."""

import pytest
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig

from semdim.forward.split import SplitModel, rows_of_unembedding

VOCABULARY = 131


def model(soft_cap: float) -> HookedTransformer:
    """With a vocabulary of odd size, and a bias of its logits."""
    config = HookedTransformerConfig(
        n_layers=2, d_model=16, n_heads=2, d_head=8, d_mlp=32, d_vocab=VOCABULARY, n_ctx=8,
        act_fn="gelu_new", normalization_type="LN", seed=0, output_logits_soft_cap=soft_cap,
    )  # fmt: skip
    made = HookedTransformer(config)
    torch.nn.init.normal_(made.unembed.b_U)
    return made


@pytest.mark.parametrize("soft_cap", [-1.0, 2.0])
def test_zeros_behind_the_vocabulary_change_nothing(
    soft_cap: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = torch.randint(VOCABULARY, (3, 8), generator=torch.Generator().manual_seed(0))
    found = []
    for is_padded in (False, True):
        if is_padded:
            monkeypatch.setattr(
                "semdim.forward.split.rows_of_unembedding", lambda *_: VOCABULARY + 61
            )
        split = SplitModel(model(soft_cap), "blocks.0.hook_resid_post")
        residual = split.suffix(split.prefix(ids))
        found.append((split.logits(residual[0]), split.next_token(residual, ids, scores=True)))
    (plain_logits, plain), (logits, padded) = found
    assert logits.shape == plain_logits.shape == (8, VOCABULARY)
    torch.testing.assert_close(logits, plain_logits)
    for name in ("nll", "max_prob", "entropy", "energy"):
        torch.testing.assert_close(getattr(padded, name), getattr(plain, name))


def test_only_tensor_cores_get_more_rows() -> None:
    assert rows_of_unembedding("cuda", torch.bfloat16, 50_257) == 50_304
    assert rows_of_unembedding("cuda", torch.bfloat16, 256_000) == 256_000
    assert rows_of_unembedding("cuda", torch.float32, 50_257) == 50_257
    assert rows_of_unembedding("cpu", torch.bfloat16, 50_257) == 50_257
