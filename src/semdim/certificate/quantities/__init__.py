"""The quantities of a certificate, one file each."""
