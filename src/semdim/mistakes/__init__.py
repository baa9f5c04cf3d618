"""When the model is wrong: scores against its own errors, and what can be promised of the rest."""
