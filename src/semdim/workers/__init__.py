"""Who computes the missing shards: this process, or the workers of a Ray cluster."""
