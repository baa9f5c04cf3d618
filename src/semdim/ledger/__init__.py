"""One table per probe and corpus, a row per token: what everything after it reads."""
