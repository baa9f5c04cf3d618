"""One self-contained page that tells the story of the results."""
