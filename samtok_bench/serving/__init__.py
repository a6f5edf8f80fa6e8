"""Servers that speak OpenAI's chat completions: one client for judges and for models under test."""
