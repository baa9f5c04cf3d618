"""What figures, tables and readings pick out of the results, each choice made in one place."""
