"""The pipeline's steps: each is params -> load -> pure call -> save, run as `python -m stages.X`."""
