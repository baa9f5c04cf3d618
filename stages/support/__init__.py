"""What stages run on: how they start, the run that they are given, what several of them load."""
