"""Proxies: their names, and what each puts at the hook point."""

import subprocess
import sys

import pytest
import torch

from semdim.artifacts.memory import MemoryPlace
from semdim.codes.sparse import from_dense
from semdim.errors import ConfigError
from semdim.proxies.kind import PROXIES
from semdim.proxies.names import parse_proxy
from semdim.proxies.reconstruct import Reconstructor

WEIGHT = torch.nn.functional.normalize(torch.randn(6, 4, generator=torch.manual_seed(0)), dim=1)
BIAS = torch.tensor([0.5, 0.0, -0.5, 1.0])
DENSE = torch.tensor(
    [[0.0, 2.0, 0.0, 1.0, 0.0, 0.5], [1.0, 0.0, 0.0, 0.0, 3.0, 0.0], [0.0] * 6], dtype=torch.float32
)
ACTIVATION = torch.arange(12.0).view(3, 4)
IS_BOS = torch.tensor([True, False, False])


def apply(name: str, splice: str = "all", **options: object) -> torch.Tensor:
    reconstruct = Reconstructor(parse_proxy(name, splice), WEIGHT, BIAS, seed=3, **options)  # type: ignore[arg-type]
    return reconstruct(ACTIVATION, from_dense(DENSE), IS_BOS)


def test_model_is_the_activation_itself() -> None:
    assert torch.equal(apply("model"), ACTIVATION)


def test_ablations_leave_nothing_of_the_activation_but_its_mean() -> None:
    stored = torch.randn(5, 3, 4, generator=torch.manual_seed(1))
    stored[:, 0] *= 100  # position 0 is no part of it
    place = MemoryPlace()
    sink = place.sink("activations", 2)
    for index, sequences in enumerate(stored.split(3)):
        sink.write(index, {"activation": sequences})
    sink.publish({})
    mean = stored[:, 1:].mean(dim=(0, 1))
    source = place.source("activations")
    assert torch.equal(apply("zero"), torch.zeros(3, 4))
    torch.testing.assert_close(apply("mean", activations=source), mean.expand(3, 4))
    through = apply("mean", "no_bos", activations=source)
    assert torch.equal(through[0], ACTIVATION[0])
    torch.testing.assert_close(through[2], mean)
    with pytest.raises(ConfigError, match="needs all activations"):
        apply("mean")


def test_sae_is_the_reconstruction() -> None:
    torch.testing.assert_close(apply("sae"), DENSE @ WEIGHT + BIAS)


def test_no_bos_lets_bos_through_and_replaces_the_rest() -> None:
    through = apply("sae", "no_bos")
    assert torch.equal(through[0], ACTIVATION[0])
    torch.testing.assert_close(through[1:], (DENSE @ WEIGHT + BIAS)[1:])


def test_a_splice_in_the_name_overrides_the_setting() -> None:
    assert torch.equal(apply("sae_all", "no_bos"), apply("sae", "all"))
    assert torch.equal(apply("topk_2_no_bos", "all"), apply("topk_2", "no_bos"))


def test_topk_keeps_the_largest_contributions() -> None:
    largest = DENSE.clone()
    largest[0, 3] = largest[0, 5] = largest[1, 0] = 0.0
    torch.testing.assert_close(apply("topk_1"), largest @ WEIGHT + BIAS)


def test_pool_keeps_the_first_atoms_of_the_order() -> None:
    order = torch.tensor([4, 1, 0, 2, 3, 5])
    in_pool = torch.zeros(6)
    in_pool[[4, 1]] = 1.0
    torch.testing.assert_close(apply("pool_2", atom_order=order), (DENSE * in_pool) @ WEIGHT + BIAS)


def test_shuffled_features_are_one_fixed_permutation() -> None:
    """Same k and same norms of the directions: there is a permutation that explains every row."""
    first, again = apply("shuffled_features"), apply("shuffled_features")
    assert torch.equal(first, again)
    reconstruct = Reconstructor(parse_proxy("shuffled_features"), WEIGHT, BIAS, seed=3)
    matches = (reconstruct.weight[:, None] == WEIGHT[None]).all(-1)
    assert torch.equal(matches.sum(0), torch.ones(6, dtype=torch.long))
    assert not torch.equal(first[0], apply("sae")[0])


def test_random_decoder_has_unit_rows_and_real_codes() -> None:
    reconstruct = Reconstructor(parse_proxy("random_decoder"), WEIGHT, BIAS, seed=3)
    torch.testing.assert_close(reconstruct.weight.norm(dim=1), torch.ones(6))
    torch.testing.assert_close(apply("random_decoder"), DENSE @ reconstruct.weight + BIAS)
    other = Reconstructor(parse_proxy("random_decoder"), WEIGHT, BIAS, seed=4)
    assert not torch.equal(reconstruct.weight, other.weight)


def test_the_activation_keeps_its_dtype() -> None:
    reconstruct = Reconstructor(parse_proxy("sae"), WEIGHT, BIAS, seed=3)
    assert reconstruct(ACTIVATION.bfloat16(), from_dense(DENSE), IS_BOS).dtype == torch.bfloat16


@pytest.mark.parametrize(
    "name", ["", "saes", "topk", "topk_", "topk_x", "topk_0", "pool_0", "model_all", "sae_some"]
)
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        parse_proxy(name)


def test_unknown_splices_are_refused() -> None:
    with pytest.raises(ConfigError, match="no_bos or all"):
        parse_proxy("sae", "some")


@pytest.mark.parametrize("name", ["topk_7", "pool_7"])
def test_more_atoms_than_the_dictionary_has_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="has 6"):
        apply(name, atom_order=torch.arange(6))


def test_a_pool_without_an_order_is_refused() -> None:
    with pytest.raises(ConfigError, match="order"):
        apply("pool_2")


def test_every_kind_says_what_it_is() -> None:
    for name in PROXIES:
        kind = PROXIES[name]
        number = "" if kind.counts is None else "_5"
        proxy = parse_proxy(name + number)
        assert proxy.kind == name and proxy.splice == "no_bos"
        assert proxy.says and "{" not in proxy.says
        assert kind.form(name) == name + ("" if kind.counts is None else f"_<{kind.letter}>")
        assert type(kind).__module__ == f"semdim.proxies.kinds.{name}" or kind.counts == "n_atoms"


def test_numbers_are_told_apart() -> None:
    topk, pool, sae = (parse_proxy(name) for name in ("topk_8", "pool_16", "sae"))
    assert (topk.n_active, topk.pool_size, topk.needs_order) == (8, None, False)
    assert (pool.n_active, pool.pool_size, pool.needs_order) == (None, 16, True)
    assert (sae.n_active, sae.pool_size, sae.size) == (None, None, None)


def test_a_name_imports_its_own_kind_and_not_torch() -> None:
    """What was computed for one proxy does not depend on the code of another."""
    code = (
        "import sys\n"
        "from semdim.proxies.names import parse_proxy\n"
        "parse_proxy('topk_8_all')\n"
        "kinds = [m for m in sys.modules if m.startswith('semdim.proxies.kinds.')]\n"
        "assert kinds == ['semdim.proxies.kinds.topk'], kinds\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
