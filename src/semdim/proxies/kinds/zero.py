"""``zero``: nothing at all, which is what a score of recovered loss is measured against."""

from semdim.proxies.kind import PROXIES, Materials, ProxyKind, Replacement


class Zero(ProxyKind):
    """Zero ablation."""

    says = "0 in place of the activation"

    def prepare(self, materials: Materials) -> Replacement:
        """Nothing to prepare."""
        return lambda activation, codes: activation * 0.0


PROXIES.add("zero", Zero())
