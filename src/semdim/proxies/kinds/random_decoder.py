"""``random_decoder``: the real codes through directions that mean nothing."""

from semdim.proxies.kind import PROXIES, Materials, ProxyKind, Replacement


class RandomDecoder(ProxyKind):
    """Each atom's direction is replaced by a Gaussian one of unit norm."""

    says = "the real codes through Gaussian directions of unit norm"

    def prepare(self, materials: Materials) -> Replacement:
        """Draw the directions, on the CPU so that they are the same on every device."""
        import torch

        from semdim.proxies.decoded import Decoded

        weight = materials.weight
        generator = torch.Generator().manual_seed(materials.seed)
        gaussian = torch.randn(weight.shape, generator=generator, dtype=torch.float32)
        directions = (gaussian / gaussian.norm(dim=1, keepdim=True)).to(weight)
        return Decoded(directions, materials.bias)


PROXIES.add("random_decoder", RandomDecoder())
