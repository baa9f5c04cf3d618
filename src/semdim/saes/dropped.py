"""What of an SAE's own configuration its loader dropped, and whether that changes a number.

SAELens keeps the settings that its classes have and leaves the rest aside without a word: a
``tanh-relu`` of before version 6 becomes a plain ReLU. So every key of the source is looked at.
"""

from collections.abc import Mapping
from typing import Any

from semdim.errors import MismatchError

#: Settings of training, data and hardware, which no code depends on: these may be dropped.
HARMLESS = frozenset(
    {
        "sae_lens_version", "sae_lens_training_version", "training_architecture",
        "model_class_name", "model_name", "hook_name", "hook_eval", "hook_layer",
        "hook_point_layer", "hf_hook_name", "hf_hook_name_out", "hf_hook_point_in",
        "neuronpedia_id", "context_size", "seqpos_slice", "prepend_bos", "dataset",
        "dataset_path", "dataset_trust_remote_code", "dataset_id", "streaming",
        "is_dataset_tokenized", "exclude_special_tokens", "disable_concat_sequences",
        "sequence_separator_token", "model_from_pretrained_kwargs", "use_cached_activations",
        "cached_activations_path", "n_batches_in_buffer", "store_batch_size_prompts",
        "train_batch_size_tokens", "tokens_per_buffer", "training_tokens", "finetuning_tokens",
        "finetuning_method", "total_training_tokens", "total_training_steps", "n_tokens_seen",
        "n_training_steps", "l0", "mean_n_active", "num_dead_features", "explained_variance",
        "sparsity", "device", "act_store_device", "dtype", "seed", "autocast", "autocast_lm",
        "compile_llm", "llm_compilation_mode", "compile_sae", "sae_compilation_mode", "n_devices",
        "b_dec_init_method", "expansion_factor", "normalize_sae_decoder", "noise",
        "from_pretrained_path", "decoder_orthogonal_init", "decoder_heuristic_init",
        "decoder_heuristic_init_norm", "decoder_init_norm", "init_encoder_as_decoder_transpose",
        "jumprelu_init_threshold", "jumprelu_bandwidth", "adam_beta1", "adam_beta2",
        "adam_epsilon", "weight_decay", "mse_loss_normalization", "l1_coefficient",
        "l0_coefficient", "l0_lambda", "lp_norm", "scale_sparsity_penalty_by_decoder_norm",
        "l1_warm_up_steps", "l0_warm_up_steps", "aux_loss_coefficient", "topk_threshold_lr",
        "use_sparse_activations", "lr", "lr_scheduler_name", "lr_warm_up_steps", "lr_end",
        "lr_decay_steps", "n_restart_cycles", "use_ghost_grads", "feature_sampling_window",
        "dead_feature_window", "dead_feature_threshold", "n_eval_batches",
        "eval_batch_size_prompts", "logger", "log_to_wandb", "log_activations_store_to_wandb",
        "log_optimizer_state_to_wandb", "wandb_project", "wandb_id", "wandb_entity",
        "wandb_log_frequency", "run_name", "eval_every_n_wandb_logs", "resume", "n_checkpoints",
        "checkpoint_path", "save_final_checkpoint", "verbose", "output_path",
    }
)  # fmt: skip
#: Settings by their names of before SAELens 6.
RENAMED = {
    "hook_point": "hook_name",
    "hook_point_head_index": "hook_head_index",
    "activation_fn_str": "activation_fn",
}
# Settings that the loader brings up to date itself, and what says that there is no such thing.
_NOTHING: tuple[Any, ...] = (None, False, "none", "None", {}, [])


def check_nothing_dropped(source: Mapping[str, Any], config: Any, where: str) -> None:
    """Refuse an SAE of which a setting that can change a number was not loaded.

    Args:
        source: its configuration as it is stored, cfg.json.
        config: SAELens's, of the SAE that was loaded; before anything is folded.
        where: what to call the SAE in errors.

    Raises:
        MismatchError: a setting is unknown, or stands otherwise in what was loaded; it is named.
    """
    loaded = {**vars(config), "architecture": config.architecture()}
    given = {key: value for key, value in source.items() if key != "metadata"}
    for key, value in given.items():
        name = RENAMED.get(key, key)
        if not _is_kept(name, value, loaded):
            now = f"loaded as {loaded[name]!r}" if name in loaded else "which SAELens drops"
            raise MismatchError(
                f"The SAE {where} has {key} = {value!r}, {now}, so its codes would be different: "
                "save it again with this SAELens, or (if the key concerns training only) move it "
                "into `metadata` in its cfg.json."
            )


def _is_kept(name: str, value: Any, loaded: Mapping[str, Any]) -> bool:
    if name == "activation_fn":
        of_architecture = "topk" if loaded["architecture"] == "topk" else "relu"
        return value in (None, of_architecture, "relu")
    if name == "activation_fn_kwargs":
        k = {"k": loaded["k"]} if "k" in loaded else {}
        return not value or value == k
    if name in HARMLESS or (value in _NOTHING and name not in loaded):
        return True
    if name == "architecture" and loaded[name] == "topk":
        return value in ("topk", "standard")  # which became one by its activation function
    if name == "normalize_activations" and isinstance(value, bool | None):
        return bool(loaded[name] == ("expected_average_only_in" if value else "none"))
    return name in loaded and bool(loaded[name] == value)
