"""`tasks`, `models` and `doctor`: what is installed, and whether it works."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from samtok_bench import registry
from samtok_bench.cli.options import option
from samtok_bench.cli.output import say
