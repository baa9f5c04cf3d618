"""Autoencoders of one model, compared document by document and ranked with intervals."""
