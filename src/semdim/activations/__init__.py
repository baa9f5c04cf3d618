"""Activations at a hook point: run once and stored, or recomputed; and their norms."""
