"""Questions with known answers: read from tables or packages, filled into prompt templates."""
