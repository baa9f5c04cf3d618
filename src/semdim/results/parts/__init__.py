"""Parts of pages that a command writes from results; each module registers its own."""
