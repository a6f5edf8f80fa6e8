"""A judge: any server that speaks OpenAI's chat completions."""

from samtok_bench.judging.contract import JudgeSettings, Messages
from samtok_bench.serving.chat import ChatClient, FailedError, RefusedError, Reply

KEY_VARIABLE = "SAMTOK_BENCH_JUDGE_KEY"


class JudgeError(OSError):
    """The judge cannot be asked, or does not answer."""


class JudgeClient:
    """Asks one model of one server.

    Args:
        url: see `ChatClient`, also for the others.
        model: as the server calls it.
        key: the environment's SAMTOK_BENCH_JUDGE_KEY if None.
        timeout: of one request in seconds.
        retries: after the first try.

    Raises:
        ValueError: a URL of another kind, no name, or impossible numbers.
    """

    def __init__(self, url: str, model: str, *, key: str | None = None, timeout: float, retries: int) -> None:
        if not model:
            raise ValueError("a judge needs the name of its model")
        self._chat = ChatClient(
            "the judge", url, key=key, key_variable=KEY_VARIABLE, timeout=timeout, retries=retries
        )
        self.url, self.model = self._chat.url, model

    def ask(self, messages: Messages, settings: JudgeSettings) -> Reply:
        """The model's reply; its text is "" where the server sends none, as after a refusal.

        Raises:
            JudgeError: a request that the server refuses, or the last try failed; names server and reason.
        """
        given = {"max_tokens": settings.max_tokens, "top_p": settings.top_p}
        body = {"model": self.model, "messages": list(messages), "temperature": settings.temperature}
        body |= {name: value for name, value in given.items() if value is not None}
        try:
            return self._chat.complete(body)
        except (RefusedError, FailedError) as error:
            raise JudgeError(str(error)) from None
