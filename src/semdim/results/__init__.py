"""The small results that git keeps:
written by the stages, read by figures, report and commands."""
