"""``pool_<P>``: the reconstruction from the first P atoms of a fixed order."""

from semdim.proxies.kind import PROXIES, Materials, ProxyKind, Replacement


class Pool(ProxyKind):
    """Every token may use the same P atoms, and no other."""

    says = "S(h) with codes restricted to the first {size} atoms of a fixed order"
    counts = "pool_size"
    letter = "P"
    needs_order = True

    def prepare(self, materials: Materials) -> Replacement:
        """The pool as a mask over the dictionary, before the decoder."""
        import torch

        from semdim.proxies.decoded import Decoded

        assert materials.atom_order is not None
        weight = materials.weight
        in_pool = torch.zeros(len(weight), dtype=torch.bool, device=weight.device)
        in_pool[materials.atom_order[: materials.size].long()] = True
        return Decoded(
            weight, materials.bias, lambda codes: codes.keep(in_pool[codes.atoms.long()])
        )


PROXIES.add("pool", Pool())
