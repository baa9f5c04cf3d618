"""The kinds of proxies, a module each, named like the kind; `semdim.proxies.kind` finds them."""
