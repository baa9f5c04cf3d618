"""``mean``: the mean activation of the sample, the other thing that recovered loss is measured
against."""

from semdim.proxies.kind import PROXIES, Materials, ProxyKind, Replacement


class Mean(ProxyKind):
    """Mean ablation."""

    says = "the mean activation of the sample (position 0 and norm outliers apart) in its place"
    needs_activations = True

    def prepare(self, materials: Materials) -> Replacement:
        """One pass over the activations; the mean is kept on the device of the decoder."""
        from semdim.activations.norms import familiar_activations

        assert materials.activations is not None
        mean = familiar_activations(materials.activations).mean.to(materials.weight.device)
        return lambda activation, codes: mean.to(activation.dtype).expand_as(activation)


PROXIES.add("mean", Mean())
