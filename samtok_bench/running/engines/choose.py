"""Which engine a run takes."""

import sys
from dataclasses import replace

from samtok_bench.predictor import Predictor
from samtok_bench.running.engines.engine import Engine
from samtok_bench.running.engines.local import LocalEngine
from samtok_bench.running.engines.processes import ProcessEngine
from samtok_bench.running.engines.threads import ThreadEngine
from samtok_bench.running.engines.workers import WorkerModel


def choose_engine(predictor: Predictor, model: WorkerModel, workers: int, ray: str | None) -> Engine:
    """An engine for a predictor.

    Args:
        predictor: of this process.
        model: what workers make theirs from.
        workers: how many there are.
        ray: address of a Ray cluster, or `local`; None for processes of this machine.

    Raises:
        ValueError: several workers for a predictor that has its own concurrency; no Ray.
    """
    if predictor.concurrency is not None:
        if workers > 1 or ray:
            raise ValueError(f"{model.model} answers several samples at once: use --concurrency, no workers")
        return ThreadEngine(predictor, predictor.concurrency)
    if ray is not None:
        from samtok_bench.running.engines.ray_actors import RayEngine

        return RayEngine(model, workers, ray)
    if workers > 1:
        return ProcessEngine(replace(model, gpus=_gpus()), workers)
    return LocalEngine(predictor)


def _gpus() -> int:
    """How many this machine has, if the predictor uses torch at all."""
    torch = sys.modules.get("torch")
    return torch.cuda.device_count() if torch else 0
