"""Atoms of the dictionary:
how many tokens use each, what the loss owes to each, in which order a pool takes them."""
