"""What is measured: a probe that the pipeline exported, or random weights in a known shape."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int32
from torch import Tensor

from bench.flops import Shapes
from semdim.forward.backend import Backend, backend_of, load_backend
from semdim.forward.hook_points import start_layer
from semdim.models.facts import read_facts
from semdim.models.load import load_model
from semdim.monitor.exports import read_hook
from semdim.paths import Paths
from semdim.saes.fetch import random_sae
from semdim.saes.load import Decoder, load_decoder, load_sae
from semdim.saes.spec import SAESource
from semdim.tokens.sample import load_tokens

SEED = 0


@dataclass(frozen=True)
class RandomShape:
    """A model with random weights: for speed, weights do not matter."""

    hook_name: str
    dict_size: int
    config: dict[str, Any]
    """Of TransformerLens."""
    decoder: tuple[str, dict[str, Any]]
    """Of transformers: the name that its classes begin with, and the configuration."""


#: The paper's two models with the shapes of their SAEs.
RANDOM_SHAPES = {
    "gpt2-small-shape": RandomShape(
        "blocks.6.hook_resid_pre",
        24_576,
        {
            "n_layers": 12, "d_model": 768, "n_heads": 12, "d_head": 64, "d_mlp": 3072,
            "d_vocab": 50_257, "act_fn": "gelu_new", "normalization_type": "LN",
        },
        ("GPT2", {}),  # transformers' defaults are this model
    ),
    "gemma-2b-shape": RandomShape(
        "blocks.12.hook_resid_post",
        16_384,
        {
            "n_layers": 18, "d_model": 2048, "n_heads": 8, "d_head": 256, "d_mlp": 16_384,
            "d_vocab": 256_000, "act_fn": "gelu_pytorch_tanh", "normalization_type": "RMS",
            "n_key_value_heads": 1, "gated_mlp": True, "positional_embedding_type": "rotary",
            "rotary_dim": 256, "final_rms": True,
        },
        (
            "Gemma",
            {
                "num_hidden_layers": 18, "hidden_size": 2048, "num_attention_heads": 8,
                "num_key_value_heads": 1, "head_dim": 256, "intermediate_size": 16_384,
                "vocab_size": 256_000,
            },
        ),
    ),
    "tiny-shape": RandomShape(
        "blocks.1.hook_resid_post",
        128,
        {
            "n_layers": 3, "d_model": 48, "n_heads": 4, "d_head": 12, "d_mlp": 96,
            "d_vocab": 768, "act_fn": "silu", "normalization_type": "RMS", "gated_mlp": True,
            "positional_embedding_type": "rotary", "rotary_dim": 12, "final_rms": True,
        },
        (
            "Llama",
            {
                "num_hidden_layers": 3, "hidden_size": 48, "num_attention_heads": 4,
                "intermediate_size": 96, "vocab_size": 768,
            },
        ),
    ),
}  # fmt: skip
_MEAN_N_ACTIVE = 64.0


@dataclass(frozen=True)
class Subject:
    """A probe, loaded: a model with an SAE at one of its hook points."""

    name: str
    """The probe's, or that of a random shape."""
    model_name: str
    """The folder of its model; that of a random shape is called like it."""
    model: Any
    """HookedTransformer."""
    hook_name: str
    sae: Any
    """SAELens's object, float32."""
    decoder: Decoder
    bos_token_id: int
    device: str

    def shapes(self, context: int, n_active: float) -> Shapes:
        """Its sizes, with the mean k that was observed."""
        config = self.model.cfg
        return Shapes.of(
            config,
            start_layer(self.hook_name, config.n_layers),
            len(self.decoder.weight),
            n_active,
            context,
        )


def load_subject(name: str, root: Path, dtype: torch.dtype, device: str, context: int) -> Subject:
    """Load a subject by name: one of `RANDOM_SHAPES`, or a probe exported under ``root``.

    Raises:
        ArtifactError: nothing was exported under that name.
    """
    if name in RANDOM_SHAPES:
        return _random(name, RANDOM_SHAPES[name], dtype, device, context)
    paths = Paths(root)
    hook = read_hook(paths.hook(name))
    folder = paths.model(hook.model)
    facts = read_facts(folder)
    model = load_model(folder, dtype=dtype, device=device, processing=hook.processing)
    return Subject(
        name,
        hook.model,
        model,
        hook.hook_name,
        load_sae(paths.sae(name), device=device),
        load_decoder(paths.sae(name)).to(device),
        facts.bos_token_id,
        device,
    )


def transformers_backend(
    subject: Subject, root: Path, dtype: torch.dtype, context: int
) -> tuple[Backend, bool]:
    """The subject's model on the transformers back end, and whether it has the same weights: of a
    random shape they are drawn again."""
    if subject.name not in RANDOM_SHAPES:
        paths = Paths(root)
        processing = read_hook(paths.hook(subject.name)).processing
        backend = load_backend(
            "transformers", paths.model(subject.model_name), dtype=dtype, device=subject.device,
            processing=processing,
        )  # fmt: skip
        return backend, True
    import transformers

    name, settings = RANDOM_SHAPES[subject.name].decoder
    config = getattr(transformers, f"{name}Config")(
        **settings,
        max_position_embeddings=max(1024, context),
        initializer_range=float(subject.model.cfg.initializer_range),  # so that k is alike
    )
    with torch.device(subject.device):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=dtype)
    return backend_of(model.eval().requires_grad_(False)), False


def _random(
    name: str, shape: RandomShape, dtype: torch.dtype, device: str, context: int
) -> Subject:
    from transformer_lens import HookedTransformer, HookedTransformerConfig

    config = HookedTransformerConfig(
        **shape.config, n_ctx=context, device=device, dtype=dtype, init_weights=False
    )
    with torch.device(device):  # made where they stay: gemma-2b's weights are 12 GB
        model = HookedTransformer(config).eval().requires_grad_(False)
    _draw_weights(model, float(config.initializer_range), device)
    start = start_layer(shape.hook_name, config.n_layers)
    with torch.inference_mode():
        ids = random_ids(2, context, config.d_vocab).to(device).long()
        norm = model(ids, stop_at_layer=start)[:, 1:].float().norm(dim=-1).mean()
    sae = random_sae(
        SAESource(
            kind="random", d_in=config.d_model, dict_size=shape.dict_size,
            hook_name=shape.hook_name, model_name=name, activation_norm=float(norm),
            mean_n_active=min(_MEAN_N_ACTIVE, shape.dict_size / 8), seed=SEED,
        )
    ).to(device)  # fmt: skip
    sae.requires_grad_(False)
    decoder = Decoder(sae.W_dec.detach().float(), sae.b_dec.detach().float())
    return Subject(name, name, model, shape.hook_name, sae.eval(), decoder, 0, device)


def _draw_weights(model: torch.nn.Module, deviation: float, device: str) -> None:
    """Normal weights (biases are 0), drawn in float32 whatever the model's dtype, so that the
    model in bfloat16 is the rounded one in float32."""
    generator = torch.Generator(device).manual_seed(SEED)
    for name, weight in model.named_parameters():
        if "W_" in name:
            drawn = torch.randn(
                weight.shape, generator=generator, device=device, dtype=torch.float32
            )
            weight.copy_(drawn.mul_(deviation))
            del drawn
    if device == "cuda":
        # Else the block of the largest draw, 2 GB, would be held by the first small tensor in it.
        torch.cuda.empty_cache()


def random_ids(
    n_sequences: int, context: int, vocab_size: int
) -> Int32[Tensor, "sequences context"]:
    """Random token ids, BOS (0) first."""
    generator = torch.Generator().manual_seed(SEED)
    ids = torch.randint(
        1, vocab_size, (n_sequences, context), generator=generator, dtype=torch.int32
    )
    ids[:, 0] = 0
    return ids


def sample_ids(
    subject: Subject, root: Path, n_sequences: int, context: int
) -> Int32[Tensor, "sequences context"]:
    """Sequences of the pipeline's English sample where it lies under ``root``, else random ids."""
    tokens = Paths(root).tokens(subject.model_name, "english")
    if tokens.exists():
        ids, _ = load_tokens(tokens)
        if ids.shape[1] == context and len(ids) >= n_sequences:
            return ids[:n_sequences]
    ids = random_ids(n_sequences, context, subject.model.cfg.d_vocab)
    ids[:, 0] = subject.bos_token_id
    return ids
