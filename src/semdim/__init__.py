"""semdim: what a sparse autoencoder says, and does not say, about a language model's risk.

Importing the package is light: submodules load torch, pandas or matplotlib only when they are used.
"""

__version__ = "0.1.0"
