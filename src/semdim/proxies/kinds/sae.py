"""``sae``: the reconstruction of the sparse autoencoder."""

from semdim.proxies.kind import PROXIES, Materials, ProxyKind, Replacement


class SAE(ProxyKind):
    """All codes through the SAE's own decoder."""

    says = "the SAE's reconstruction S(h)"

    def prepare(self, materials: Materials) -> Replacement:
        """Nothing but the decoder."""
        from semdim.proxies.decoded import Decoded

        return Decoded(materials.weight, materials.bias)


PROXIES.add("sae", SAE())
