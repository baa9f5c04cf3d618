"""Answers to questions: generated, judged without a judge, scored, and told apart."""
