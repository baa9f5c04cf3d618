"""The kinds of corpus, one module each; a module registers its kind in `semdim.text.kind.KINDS`."""
