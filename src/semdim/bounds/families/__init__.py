"""The families of bounds, a file each."""
