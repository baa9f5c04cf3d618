"""The tables, one file each; a file ends with the registration of what it makes."""
