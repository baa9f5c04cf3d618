"""Sparse codes: what an SAE makes of an activation. "Active" is defined here and nowhere else."""
