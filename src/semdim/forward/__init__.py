"""The language model cut in two at the residual stream, and how it runs on a machine."""
