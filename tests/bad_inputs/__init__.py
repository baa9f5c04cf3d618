"""Bad inputs over all commands, settings and kinds of files: each one clear sentence, or a right
result. The tables are `files`, `commands` and `values`; `test_bad_inputs` runs and counts them."""
