"""What semdim costs, measured: `python -m bench --help`, and `python -m bench.monitor`."""
