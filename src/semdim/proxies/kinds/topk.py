"""``topk_<k>``: the reconstruction from at most k atoms of a token, those that contribute most."""

from semdim.proxies.kind import PROXIES, Materials, ProxyKind, Replacement


class TopK(ProxyKind):
    """Codes are truncated hard: at most k atoms of a token remain, those that contribute most."""

    says = "S(h) from at most {size} atoms of a token, those that contribute most"
    counts = "n_active"
    letter = "k"

    def prepare(self, materials: Materials) -> Replacement:
        """The decoder, behind the truncation."""
        from semdim.proxies.decoded import Decoded

        k = materials.size
        assert k is not None
        return Decoded(materials.weight, materials.bias, lambda codes: codes.top(k))


PROXIES.add("topk", TopK())
