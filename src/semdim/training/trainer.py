"""SAELens's trainer with exact resumption, a check for divergence and unit-norm atoms."""

import json
import math
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from sae_lens.config import SAETrainerConfig
from sae_lens.constants import ACTIVATION_SCALER_CFG_FILENAME
from sae_lens.saes.sae import TrainingSAE, TrainStepOutput
from sae_lens.training.activation_scaler import ActivationScaler
from sae_lens.training.sae_trainer import SAETrainer
from torch.optim.lr_scheduler import LambdaLR

from semdim.artifacts.swap import put_in_place, set_aside
from semdim.codes.sparse import is_active
from semdim.errors import ArtifactError, DataError
from semdim.progress import progress_bar
from semdim.reading import number, read_json, reading, taken, text, whole
from semdim.training.batches import ShuffledBatches
from semdim.training.batchtopk import SparseBatchTopK
from semdim.training.spec import DictionarySpec, OptimiserSpec
from semdim.training.wandb_run import Tracker

STATE = "position.json"


def trainer_config(
    batches: ShuffledBatches, dictionary: DictionarySpec, optimiser: OptimiserSpec, device: str
) -> SAETrainerConfig:
    """SAELens's settings for the same run."""
    batch = max(1, round(batches.mean_batch))
    return SAETrainerConfig(
        total_training_samples=batches.n_steps * batch,
        train_batch_size_samples=batch,
        lr=optimiser.learning_rate,
        lr_end=optimiser.learning_rate,
        lr_scheduler_name="constant",
        device=device,
        autocast=optimiser.autocast and dictionary.architecture != "batchtopk",
        dead_feature_window=math.ceil(dictionary.dead_after_tokens / batch),
    )


class DictionaryTrainer(SAETrainer[Any, Any]):
    """Trains one dictionary; ``fit`` resumes from the last checkpoint in ``folder`` if it is one
    of the same configuration."""

    def __init__(
        self,
        cfg: SAETrainerConfig,
        sae: TrainingSAE[Any],
        batches: ShuffledBatches,
        *,
        folder: Path,
        fingerprint: str,
        optimiser: OptimiserSpec,
        tracker: Tracker,
        scaler: ActivationScaler | None = None,
    ) -> None:
        """``scaler``: what the dictionary sees of an activation; None: scaled to norm √d."""
        super().__init__(cfg, sae, batches)
        self.seconds = 0.0
        self._resumed_at = time.monotonic()
        self.optimiser_spec = optimiser
        self.batches = batches
        # Fused Adam costs a tenth of the default loop; the scheduler must hold the new optimiser.
        self.optimizer = torch.optim.Adam(
            sae.parameters(), lr=cfg.lr, betas=(cfg.adam_beta1, cfg.adam_beta2), fused=True
        )
        self.lr_scheduler = LambdaLR(self.optimizer, lambda _: self._rate())
        self.folder = folder
        self.fingerprint = fingerprint
        self.tracker = tracker
        self.keeps_unit_norm = isinstance(sae, SparseBatchTopK)
        facts = batches.store.facts
        self.activation_scaler = scaler or ActivationScaler(sae.cfg.d_in**0.5 / facts.mean_norm)
        with torch.no_grad():
            mean = self.activation_scaler(torch.tensor(facts.mean)[None]).squeeze(0)
            sae.b_dec.copy_(mean.to(sae.b_dec))

    def fit(self) -> TrainingSAE[Any]:
        """Train to the end of the batches, and fold the input scale into the weights.

        Raises:
            ArtifactError: the folder holds a checkpoint of another configuration.
            DataError: the loss became NaN or infinite.
        """
        self.resume()
        self._resumed_at = last_saved = time.monotonic()
        batch_size = self.cfg.train_batch_size_samples
        total = self.batches.n_steps * batch_size
        with progress_bar(total=total, unit="tokens", desc="training") as bar:
            bar.update(self.n_training_steps * batch_size)
            while self.progress() < 1.0:
                output = self.step(next(self.batches))
                self._check(output)
                self.n_training_steps += 1
                bar.update(batch_size)
                if self.n_training_steps % self.tracker.every == 0:
                    self.tracker.log(self._metrics(output), step=self.n_training_steps)
                if time.monotonic() - last_saved > 60 * self.optimiser_spec.checkpoint_minutes:
                    last_saved = time.monotonic()
                    self.checkpoint()
        self.checkpoint()
        self.set_final_sae_metadata()
        scaler, self.activation_scaler = self.activation_scaler, ActivationScaler()
        if scaler.whitening is not None:
            linear = scaler.whitening
            self.sae.fold_activation_whitening(linear.mean, linear.matrix, linear.inverse_matrix)
        if scaler.scaling_factor is not None:
            self.sae.fold_activation_norm_scaling_factor(scaler.scaling_factor)
        return self.sae

    def elapsed(self) -> float:
        """Seconds of training so far, those before a kill counted in."""
        return self.seconds + time.monotonic() - self._resumed_at

    def progress(self) -> float:
        """Share of the run that is done: of its steps, or of its time if that is limited."""
        steps = self.n_training_steps / self.batches.n_steps
        limit = self.optimiser_spec.max_minutes
        return steps if limit is None else max(steps, self.elapsed() / (60 * limit))

    def _rate(self) -> float:
        """Multiplier of the learning rate: warm-up, plateau, linear decay to zero."""
        done, spec = self.progress() + 1 / self.batches.n_steps, self.optimiser_spec
        rising = done / spec.warm_up_share if spec.warm_up_share else 1.0
        falling = (1 - done) / spec.decay_share if spec.decay_share else 1.0
        return max(0.0, min(1.0, rising, falling))

    def warm_start(self, folder: Path) -> None:
        """Begin with the weights and the input scale of another run's checkpoint (``latest`` in
        its folder): a dictionary trained on much text is then fitted to the register of interest.

        Raises:
            ArtifactError: no checkpoint there, or one of another size.
        """
        if not (folder / STATE).exists():
            raise ArtifactError(f"There is no checkpoint to start from in {folder}.")
        try:
            self.sae.load_weights_from_checkpoint(folder)
        except RuntimeError as error:
            raise ArtifactError(
                f"The checkpoint in {folder} has another architecture or size."
            ) from error
        self.activation_scaler.load(folder / ACTIVATION_SCALER_CFG_FILENAME)

    def checkpoint(self) -> None:
        """Write weights, optimiser, schedules and the place in the data, whole or not at all."""
        for leftover in self.folder.glob("fresh*"):  # of a run that was killed while it wrote
            shutil.rmtree(leftover)
        fresh = self.folder / "fresh"
        self.save_checkpoint(fresh.name, base_path=self.folder)
        state = {
            "fingerprint": self.fingerprint,
            "position": self.batches.position,
            "seconds": self.elapsed(),
        }
        (fresh / STATE).write_text(json.dumps(state))
        put_in_place(fresh, self.folder / "latest")

    def resume(self) -> bool:
        """Take up the last checkpoint, if there is one.

        Raises:
            ArtifactError: it belongs to another configuration.
        """
        latest = self.folder / "latest"
        # Where two names cannot be exchanged in one step, a kill may leave the older one aside.
        for aside in (set_aside(self.folder / "fresh"), self.folder / "old"):
            if (aside / STATE).exists() and not latest.exists():
                aside.rename(latest)
        if not (latest / STATE).exists():
            return False
        advice = f"remove {self.folder} to start again"
        state = read_json(latest / STATE, "the state of a training run", advice=advice)
        if taken(state, "fingerprint", text, latest / STATE, advice) != self.fingerprint:
            raise ArtifactError(
                f"{self.folder} holds a checkpoint of another configuration (model, text or "
                "settings differ): remove the folder to start again, or name another one."
            )
        self.batches.position = taken(state, "position", whole, latest / STATE, advice)
        self.seconds = taken(state, "seconds", number, latest / STATE, advice)
        with reading(latest, "a checkpoint of a training run", advice):
            self.sae.load_weights_from_checkpoint(latest)
            self.load_trainer_state(latest)
        return True

    def _train_step(self, sae: Any, sae_in: torch.Tensor) -> TrainStepOutput:
        output = super()._train_step(sae, sae_in)
        if self.keeps_unit_norm:
            with torch.no_grad():
                sae.W_dec /= sae.W_dec.norm(dim=1, keepdim=True)
        return output

    def _check(self, output: TrainStepOutput) -> None:
        loss = float(output.loss.detach())
        if not math.isfinite(loss):
            raise DataError(
                f"The loss became {loss} at step {self.n_training_steps + 1}: lower "
                "optimiser.learning_rate, or check for broken activations; the last checkpoint in "
                f"{self.folder} is from before this step."
            )

    def _metrics(self, output: TrainStepOutput) -> dict[str, float]:
        with torch.no_grad():
            centred = output.sae_in - output.sae_in.mean(0)
            variance = centred.pow(2).sum(dim=-1).mean()
            error = (output.sae_in - output.sae_out).pow(2).sum(dim=-1).mean()
        codes = output.feature_acts
        kept = codes._nnz() if codes.is_sparse else int(is_active(codes).sum())
        return {
            "n_tokens": float(self.n_training_samples),
            "loss": float(output.loss.detach()),
            "explained_variance": float(1 - error / variance),
            "n_active": kept / len(output.sae_in),
            "dead_atoms": float(self.dead_neurons.sum()),
            "learning_rate": float(self.optimizer.param_groups[0]["lr"]),
        }
