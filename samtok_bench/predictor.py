"""What a predictor is."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from samtok_bench.sample import Prediction, Sample
from samtok_bench.task import Generation


@dataclass(frozen=True)
class PredictorOptions:
    """What a run asks of any predictor."""

    generation: Generation
    batch_size: int = 16
    constrained: bool = False
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    threads: int | None = None
    """CPU threads; None leaves the library's choice."""
    seed: int = 0
    dtype: str | None = None
    """Of the language model's weights, by torch's name; None for that of the device."""
    attn: str | None = None
    """How it computes attention, by transformers' name; None for transformers' choice."""
    min_pixels: int | None = None
    """To which an image is resized at least for it, height x width; None for the checkpoint's own."""
    max_pixels: int | None = None
    """The same at most."""
    revision: str | None = None
    """Branch, tag or commit of a model on the hub."""
    tokenizer: str | None = None
    """A folder or hub id with a mask tokenizer, for a model that runs elsewhere."""
    answers: str | None = None
    """How an answer becomes masks, see samtok_bench.predictors.answer_forms."""
    regions: str | None = None
    """How a region is put into a question, see samtok_bench.exchange.messages."""
    instruction: str | None = None
    """Said at the end of a question; None for that of the form of answers."""
    request_fields: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of a request to a server."""
    concurrency: int = 8
    """Requests to a server at the same time."""
    timeout: float = 300.0
    """Of a request to a server, seconds."""
    preflight: bool = True
    """Whether a server is first asked if it looks at images."""
    answer_form: str = "masks"
    """What the task asks for, see `Task.answer_form`."""


OF_LANGUAGE_MODEL = frozenset(("dtype", "attn", "min_pixels", "max_pixels"))
"""Options that do not matter where a model's mask tokenizer alone answers."""


class Unavailable(OSError):
    """What gives the answers cannot be reached: no sample is at fault, and the run can go on later."""


class Unfit(ValueError):
    """A task cannot be put to a model, whatever that would answer."""


class Predictor(ABC):
    """Answers samples in batches.

    Weights are loaded at the first `predict`, never in the constructor: `identity` is asked for before it
    is known whether anything is left to do.

    Args:
        argument: what follows the predictor's name in `--model NAME:ARGUMENT`, or "".
        options: see `PredictorOptions`.

    Raises:
        ValueError: an argument that the predictor does not know.
    """

    concurrency: int | None = None
    """How many threads may ask for a sample each at a time; None for a predictor that takes batches."""
    takes: ClassVar[frozenset[str]] = frozenset()
    """Which of the options that not every model has it reads; a run refuses the others."""
    recorded: ClassVar[bool] = False
    """Whether its answers were made before, so that a failure is none of the moment."""
    needs_question: ClassVar[bool] = False
    """Whether it is asked by a question alone, so that the task of a codec, which has none, is not for it."""
    can_constrain: ClassVar[bool] = False
    """Whether it can make every mask word well formed (`--constrained`)."""
    summary: ClassVar[str]
    """One line for `samtok-bench models`."""

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        self.argument = argument
        self.options = options

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """All that decides the answers, as JSON values: two predictors of equal identity answer alike."""

    @abstractmethod
    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        """One prediction per sample, in order. May raise: the runner then asks sample by sample."""

    def accept(self, samples: Sequence[Sample]) -> None:
        """Look at all samples of a split before any of them is asked.

        Raises:
            ValueError: they are not what the predictor has answers to.
        """
        return None

    def read_ahead(self, samples: Sequence[Sample]) -> None:
        """Begin to read, beside the caller, what the next `predict` is going to ask for; raises nothing."""
        return None

    def prepare(self) -> None:
        """Load what `predict` needs; raises what a user can act on."""
        return None

    def ceiling(self, forced: bool) -> "Predictor | None":
        """The predictor that bounds this one from above on any task, or None where there is none.

        Args:
            forced: asked for by the user; otherwise a predictor for which it is slow gives None.
        """
        return None

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """The arguments worth listing, as `--model` takes them after the name."""
        return ()

    @classmethod
    def status(cls) -> str:
        """Whether it is ready on this machine, in a few words; quick."""
        return "ready"


def check_taken(kind: type[Predictor], model: str, given: Iterable[str]) -> None:
    """ValueError for an option that a model does not read; `given` are names in PredictorOptions."""
    for name in given:
        if name not in kind.takes:
            option = name.removesuffix("s") if name == "request_fields" else name
            raise ValueError(f"the model {model!r} takes no --{option.replace('_', '-')}")
