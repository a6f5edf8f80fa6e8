"""Models behind a server that speaks OpenAI's chat completions."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from PIL import Image

from samtok_bench.exchange.messages import in_url
from samtok_bench.predictor import Predictor, PredictorOptions, Unavailable
from samtok_bench.predictors.manner import DEFAULT_ANSWERS, manner_of
from samtok_bench.predictors.mask_tokenizer import MaskTokenizer
from samtok_bench.predictors.pictures import first_image, pictures_of
from samtok_bench.sample import Outcome, Prediction, Sample
from samtok_bench.serving.chat import ChatClient, FailedError, RateLimitError, RefusedError, Reply

KEY_VARIABLE = "SAMTOK_BENCH_ENDPOINT_KEY"
RETRIES = 4
_LEAST_IMAGE_TOKENS = 3
_ENDED = frozenset(("", "stop", "eos", "eos_token", "stop_sequence", "end_turn"))
"""How servers call an end of the model's own making. `tool_calls` is none: no tool is offered, so a server
that finds a call took part of the answer for one.
"""
_CUT = frozenset(("length", "max_tokens", "model_length", "repetition"))
"""The same for one that went on for too long, or in circles."""
_BROKEN = frozenset(("abort", "error"))
"""The same for an end of the server's making, which may be about to go."""


class EndpointPredictor(Predictor):
    """`endpoint:URL#MODEL`: a model of an OpenAI-compatible server; only the mask tokenizer runs here.

    The key is read from SAMTOK_BENCH_ENDPOINT_KEY. A request that fails is tried again; if the server does
    not answer even a plain question then, the model is `Unavailable`, else the sample is at fault. So is one
    whose every try runs into the time limit: a model that finds no end must not hold up the run for ever. A
    rate limit (HTTP 429) that outlasts the tries is no sample's fault, whatever else the server answers.

    An answer that a filter or an error ended, or whose content is null although it was not cut, is none: a
    `model_error`.

    Raises:
        ValueError: another form of URL, or options that do not go together.
    """

    needs_question: ClassVar[bool] = True
    summary = "a model behind an OpenAI-compatible server: endpoint:http://localhost:8000/v1#MODEL"
    takes: ClassVar[frozenset[str]] = frozenset(
        (
            *("tokenizer", "answers", "regions", "instruction", "request_fields", "concurrency"),
            *("timeout", "preflight"),
        )
    )

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        super().__init__(argument, options)
        url, _, self.model = argument.rpartition("#")
        if not url or not self.model:
            raise ValueError("a served model is named as endpoint:http://localhost:8000/v1#MODEL")
        if options.concurrency < 1:
            raise ValueError(f"--concurrency must be at least 1, got {options.concurrency}")
        self._client = ChatClient(
            "the model", url, key_variable=KEY_VARIABLE, timeout=options.timeout, retries=RETRIES
        )
        if self._client.has_secrets_in_url:
            # the name of a model stands in results folders
            raise ValueError(f"the URL of a served model holds no user and no query: use {KEY_VARIABLE}")
        manner = manner_of(options)
        self._form, self._rendering = manner.form, manner.rendering
        self._answers = options.answers or DEFAULT_ANSWERS
        self._ready = False

    @property
    def concurrency(self) -> int:  # type: ignore[override]
        return self.options.concurrency

    @property
    def tokenizer(self) -> MaskTokenizer | None:
        """The mask tokenizer, for answers or regions that need one."""
        return self._form.tokenizer

    @property
    def reads_words(self) -> bool:
        """Whether a region is its mask words to the model."""
        return self._rendering.regions == "words"

    def identity(self) -> dict[str, Any]:
        tokenizer = self._form.tokenizer
        return {
            "kind": "endpoint",
            "name": self.model,
            "tokenizer": tokenizer.identity() if tokenizer else None,
            "answers": self._answers,
            "regions": self._rendering.regions,
            "instruction": self._rendering.instruction,
            "request": self._request_fields(),
        }

    def prepare(self) -> None:
        if self._ready:
            return
        if self._form.tokenizer is not None:
            self._form.tokenizer.prepare()
        if self.options.preflight:
            self._preflight()
        self._ready = True

    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        return [self._predict(sample) for sample in samples]

    def ceiling(self, forced: bool) -> Predictor | None:
        return self._form.tokenizer.ceiling(forced) if self._form.tokenizer else None

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("URL#MODEL",)

    def _request_fields(self) -> dict[str, Any]:
        fields = {"max_tokens": self.options.generation.max_new_tokens, "temperature": 0}
        return {**fields, **self.options.request_fields}

    def _predict(self, sample: Sample) -> Prediction:
        try:
            messages = self._rendering.messages(sample)
            image = pictures_of(first_image(sample), sample)["image"]
        except (OSError, ValueError) as error:
            return Prediction(outcome=Outcome.SKIPPED, detail=str(error))
        began = time.perf_counter()
        reply = self._ask(messages)
        answer = self._form.read(reply.text, image)
        cut = _reason(reply) in _CUT
        return replace(
            answer,
            outcome=Outcome.TRUNCATED if cut else answer.outcome,
            stop_reason="length" if cut else "stop",
            prompt_tokens=reply.prompt_tokens or 0,
            new_tokens=reply.new_tokens or 0,
            seconds=time.perf_counter() - began,
        )

    def _ask(self, messages: Sequence[Mapping[str, Any]]) -> Reply:
        """A reply; Unavailable where no sample is at fault, another OSError where this one is."""
        try:
            reply = self._client.complete(
                {"model": self.model, "messages": messages, **self._request_fields()}
            )
            if fault := _fault(reply):
                kind = FailedError if _reason(reply) in _BROKEN else OSError
                raise kind(f"no answer of the model at {self._client.url}: {fault}")
            return reply
        except RefusedError as error:
            if error.code in (401, 403, 404):
                raise Unavailable(str(error)) from None
            raise
        except RateLimitError as error:
            raise _limited(error) from None
        except FailedError as error:
            try:
                self._client.complete(self._plain("Hello"), retries=0)
            except RateLimitError as limit:
                raise _limited(limit) from None
            except OSError:
                raise Unavailable(str(error)) from None
            raise

    def _plain(self, *parts: "str | Image.Image") -> dict[str, Any]:
        """A request with little to answer."""
        content = [
            {"type": "text", "text": part} if isinstance(part, str) else in_url(part) for part in parts
        ]
        fields = {**self._request_fields(), "max_tokens": 1}
        return {"model": self.model, "messages": [{"role": "user", "content": content}], **fields}

    def _preflight(self) -> None:
        """See by the lengths of prompts that images and mask words arrive; Unavailable if not."""
        asked: list[tuple[str | Image.Image, ...]] = [
            ("Hello",),
            (Image.new("RGB", (64, 64), "grey"), "Hello"),
        ]
        if self._form.tokenizer and "words" in (self._answers, self._rendering.regions):
            asked.append((f"Hello{self._form.tokenizer.codec.text((0, 0))}",))
        counts = []
        for parts in asked:
            try:
                counts.append(self._client.complete(self._plain(*parts)).prompt_tokens)
            except RateLimitError as error:
                raise _limited(error) from None
            except (RefusedError, FailedError) as error:
                raise Unavailable(str(error)) from None
        plain, *others = counts
        if plain is None or any(count is None for count in others):
            raise Unavailable(
                f"the model at {self._client.url} does not state usage.prompt_tokens, so it cannot be seen "
                "whether it looks at images: --no-preflight asks it all the same"
            )
        with_image, *with_words = [count - plain for count in others if count is not None]
        if with_image < _LEAST_IMAGE_TOKENS:
            raise Unavailable(
                f"the model at {self._client.url} does not look at images: a prompt with one is "
                f"{with_image} tokens longer than without (does the server load the model's processor?)"
            )
        if with_words and with_words[0] != 4:
            raise Unavailable(
                f"the model at {self._client.url} does not know mask words: four of them are "
                f"{with_words[0]} tokens, not 4"
            )


def _reason(reply: Reply) -> str:
    return reply.finish_reason.strip().lower()


def _fault(reply: Reply) -> str:
    """Why a reply is no answer of the model; empty where it is one, be it cut off."""
    said = f"finish_reason {reply.finish_reason[:80]!r}"
    if _reason(reply) in _CUT:
        return ""
    if _reason(reply) not in _ENDED:
        return said
    return "" if reply.has_text else f"its content is null, {said}"


def _limited(error: RateLimitError) -> Unavailable:
    return Unavailable(f"{error} (a rate limit: try a lower --concurrency)")
