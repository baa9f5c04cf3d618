"""An SAE at the wrong hook point is refused with the ones that it would fit."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sae_factory import D_IN, random_sae
from tiny_factory import tiny_model

from semdim.errors import MismatchError
from semdim.forward.backend import Backend, load_backend
from semdim.models.spec import WeightProcessing
from semdim.saes.hook_search import Fit, activations, check_hook, fit_of, search
from semdim.saes.load import Decoder
from semdim.saes.memory import Probe, prepare_probe

FIRST, LAST = "blocks.0.hook_resid_pre", "blocks.2.hook_resid_post"
THRESHOLD = 0.5


@pytest.fixture(scope="module", params=["transformer_lens", "transformers"])
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    folder = tmp_path_factory.mktemp("hooks") / "model"
    tiny_model(folder)
    return load_backend(
        request.param, folder, dtype=torch.float32, device="cpu", processing=WeightProcessing()
    )


def ids() -> torch.Tensor:
    return torch.randint(1, 500, (6, 16), generator=torch.Generator().manual_seed(1))


def sae_at(hook_name: str, bias: float = 0.0, **metadata: object) -> Probe:
    """Reads each coordinate where it is above a threshold: exact for what is large, and the bias
    alone for what is small, as activations at the first hook point are."""
    sae = random_sae("jumprelu", metadata={"hook_name": hook_name, **metadata})
    with torch.no_grad():
        for weight in sae.parameters():
            weight.zero_()
        eye = torch.eye(D_IN)
        sae.W_enc[:, : 2 * D_IN] = torch.cat([eye, -eye], dim=1)
        sae.W_dec[: 2 * D_IN] = torch.cat([eye, -eye])
        sae.W_dec[2 * D_IN :, 0] = 1.0
        sae.threshold.fill_(THRESHOLD)
        sae.b_dec.fill_(bias)
    return prepare_probe(sae)


def test_hook_points_are_those_of_both_back_ends(backend: Backend) -> None:
    found = dict(activations(backend, ids()))
    names = {"resid_post", "attn_out", "mlp_out"}
    assert {FIRST, LAST} <= set(found)
    assert {f"blocks.{layer}.hook_{name}" for layer in range(3) for name in names} <= set(found)
    with torch.inference_mode():
        torch.testing.assert_close(found[FIRST], backend.prefix(ids(), 0))
        torch.testing.assert_close(found["blocks.1.hook_resid_post"], backend.prefix(ids(), 2))
        inner = found["blocks.0.hook_attn_out"] + found["blocks.0.hook_mlp_out"]
        torch.testing.assert_close(found[FIRST] + inner, backend.prefix(ids(), 1))
    assert not any(module._forward_hooks for module in backend.model.modules())


def test_the_fit_is_that_of_a_naive_loop(backend: Backend) -> None:
    probe, given = sae_at(LAST), dict(activations(backend, ids()))[LAST].clone()
    given[0, 3] *= 1e4  # an outlier, which is left out
    rows = [row for window in given[:, 1:] for row in window if row.norm() < 100]
    assert len(rows) == 6 * 15 - 1
    mean = sum(rows) / len(rows)
    error, around, active = 0.0, 0.0, 0
    for row in rows:
        kept = torch.where(row.abs() > THRESHOLD, row, torch.zeros(()))
        error += float((row - kept).square().sum())
        around += float((row - mean).square().sum())
        active += int((kept != 0).sum())
    fit = fit_of(LAST, given, probe)
    assert fit.explained_variance == pytest.approx(1 - error / around, abs=1e-4)
    assert fit.mean_n_active == pytest.approx(active / len(rows))


def test_an_sae_where_it_belongs_passes_and_elsewhere_the_error_names_its_place(
    backend: Backend,
) -> None:
    check_hook(backend, sae_at(LAST), ids())
    misplaced = sae_at(FIRST, bias=0.3)
    best = max(search(backend, misplaced, ids()), key=lambda fit: fit.explained_variance)
    with pytest.raises(MismatchError, match=r"does not fit blocks\.0\.hook_resid_pre") as error:
        check_hook(backend, misplaced, ids())
    message = str(error.value)
    assert "explained variance -" in message and "it would fit" in message
    assert message.index(best.hook_name) < message.index("Correct the hook_name")
    assert "\n" not in message


def test_far_more_active_atoms_than_the_card_states_are_no_fit() -> None:
    fit = Fit(LAST, 0.9, 30.0)
    assert not fit.fails(None) and not fit.fails(4.0) and fit.fails(3.0)
    assert Fit(LAST, -0.01, 1.0).fails(None) and Fit(LAST, float("nan"), 1.0).fails(None)


def test_an_sae_that_fits_nowhere_is_said_to(backend: Backend) -> None:
    probe = sae_at(LAST)
    far = Decoder(probe.decoder.weight, probe.decoder.bias + 50.0)
    with pytest.raises(MismatchError, match="nor does it fit any of the"):
        check_hook(backend, replace(probe, decoder=far), ids())


def test_certify_refuses_before_it_measures(tmp_path: Path) -> None:
    from semdim.certificate.run import Request, certificate_for
    from semdim.models.tiny import standard_library_text

    tiny_model(tmp_path / "model")
    sae = sae_at(FIRST, bias=0.3, prepend_bos=True).sae
    sae.save_model(tmp_path / "sae")
    text = "".join(standard_library_text())
    (tmp_path / "texts").mkdir()
    for index in range(4):
        (tmp_path / "texts" / f"{index}.txt").write_text(text[5000 * index :][:3000])
    request = {
        "model": str(tmp_path / "model"), "sae": str(tmp_path / "sae"), "context": 16,
        "text": str(tmp_path / "texts"), "n_tokens": 128, "windows": 2,
    }  # fmt: skip
    with pytest.raises(MismatchError, match="it would fit blocks"):
        certificate_for(Request(**request), say=lambda _: None, progress=False)
    found, _ = certificate_for(
        Request(**request, check_hook=False), say=lambda _: None, progress=False
    )
    assert found.numbers
