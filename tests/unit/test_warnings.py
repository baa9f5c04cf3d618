"""What will break with the next version of a package is an error today, if it is ours to mend."""

import warnings

import pytest

SOURCE = "import warnings; warnings.warn('goes away', {category}, stacklevel=1)"


@pytest.mark.parametrize("category", ["DeprecationWarning", "FutureWarning"])
@pytest.mark.parametrize("module", ["semdim", "semdim.codes.sparse", "stages.plot", "bench.speed"])
def test_our_own_warnings_are_errors(module: str, category: str) -> None:
    with pytest.raises(Warning, match="goes away"):
        exec(SOURCE.format(category=category), {"__name__": module})


@pytest.mark.parametrize("module", ["sae_lens.saes", "semdim_of_another", "torch.semdim"])
def test_those_of_other_packages_are_not(module: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        exec(SOURCE.format(category="FutureWarning"), {"__name__": module})
    assert not caught
