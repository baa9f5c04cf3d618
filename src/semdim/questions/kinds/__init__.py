"""The kinds of questions that semdim brings: one file each, which ends with its registration."""
