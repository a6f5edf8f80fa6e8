"""lmms-eval, both ways: our tasks and models in it, its answers back.

It lives in an environment of its own (`make lmms`): `model` and `functions` are what it imports there, the
other modules do without it.
"""
