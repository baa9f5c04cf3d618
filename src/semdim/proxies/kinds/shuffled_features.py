"""``shuffled_features``: the real codes, each through the direction of another atom."""

from semdim.proxies.kind import PROXIES, Materials, ProxyKind, Replacement


class ShuffledFeatures(ProxyKind):
    """The directions are those of the dictionary, permuted by one fixed permutation."""

    says = "the real codes with the atoms permuted by one fixed permutation"

    def prepare(self, materials: Materials) -> Replacement:
        """Draw the permutation, on the CPU so that it is the same on every device."""
        import torch

        from semdim.proxies.decoded import Decoded

        weight = materials.weight
        generator = torch.Generator().manual_seed(materials.seed)
        order = torch.randperm(len(weight), generator=generator)
        return Decoded(weight[order.to(weight.device)], materials.bias)


PROXIES.add("shuffled_features", ShuffledFeatures())
