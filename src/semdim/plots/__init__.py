"""Figures and tables, drawn from the small files under results/ alone; no tensor is ever read."""
