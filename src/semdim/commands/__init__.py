"""The subcommands of `semdim`, one file each."""
