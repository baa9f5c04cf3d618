"""``model``: the activation itself, so that the loss is the model's own."""

from semdim.proxies.kind import PROXIES, Materials, ProxyKind, Replacement


class Model(ProxyKind):
    """Nothing is replaced; the model's own scores are kept with its losses."""

    says = "the activation itself, so the loss is the model's own"
    obeys_splice = False
    has_scores = True

    def prepare(self, materials: Materials) -> Replacement:
        """Nothing to prepare."""
        return lambda activation, codes: activation


PROXIES.add("model", Model())
