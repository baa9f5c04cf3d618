"""The sample: token ids, the document of each sequence, and which positions count."""
