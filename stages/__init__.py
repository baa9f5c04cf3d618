"""The steps of the pipeline: params -> load -> pure call -> save, run as `python -m stages.X`."""
