"""Answers in the files of others, as a predictions file."""
