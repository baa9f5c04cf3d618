"""What replaces the activation at the hook point before the rest of the model runs."""
