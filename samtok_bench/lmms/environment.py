"""Whether lmms-eval is there."""

from importlib.util import find_spec


def require_lmms_eval() -> None:
    """ValueError, with the way to it, where it is not installed."""
    if find_spec("lmms_eval") is None:
        raise ValueError(
            "lmms-eval is not in this environment: `make lmms` sets one up in the checkout, then use "
            ".venv-lmms/bin/samtok-bench in place of samtok-bench"
        )
