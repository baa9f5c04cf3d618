"""The recipe on a GPU, where there is one: each architecture, from text to a card."""

import pytest
import torch
from sae_lens import SAE

from semdim.training.run import train_sae
from tests.unit.test_training_run import settings, text  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("architecture", ["batchtopk", "standard", "gated", "topk"])
@pytest.mark.filterwarnings("ignore:A TopK dictionary")
def test_the_recipe_runs_on_a_gpu(text, tmp_path, architecture):  # noqa: F811
    given = settings(
        text,
        "engine.device=cuda",
        f"+dictionary.architecture={architecture}",
        "+dictionary.l1_coefficient=0.2",
        "dictionary.n_active=6",
    )
    record = train_sae(given, tmp_path, lambda _: None)
    assert torch.cuda.get_device_name() in record["machine"]
    sae = SAE.load_from_disk(tmp_path / "models/sae/tiny")
    assert str(sae.device) == "cpu"
    measures = record["measures"]["held out"]
    assert measures["mean_n_active"] == pytest.approx(6.0, rel=0.05)
    assert measures["explained_variance"] > 0.1
    assert record["saelens"]["held out"]["l0"] == pytest.approx(measures["mean_n_active"], rel=1e-3)
