"""The level statistics that semdim brings: one file each, which ends with its registration."""
