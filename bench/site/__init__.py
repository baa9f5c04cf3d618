"""The documentation as a site: formulas drawn without a network, links that stay in it."""
