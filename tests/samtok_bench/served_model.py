"""A served model that answers as a test says, and what was asked of it."""

import json

from judge_server import send

NANO = ("--tokenizer", "nano", "--out", "run")


def completion(text, prompt_tokens=20, finish="stop", **usage):
    counts = {"prompt_tokens": prompt_tokens, "completion_tokens": 3, **usage}
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return json.dumps({"choices": [choice], "usage": counts}).encode()


def parts(request):
    return [part for message in request["messages"] for part in message["content"]]


def said(request):
    return "".join(part["text"] for part in parts(request) if part["type"] == "text")


def length(request):
    """Prompt tokens of a sound server: words of the text, four mask words, four for an image."""
    images = sum(part["type"] == "image_url" for part in parts(request))
    return 10 + 4 * images + 4 * said(request).count("<|mt_start|>")


def answering(reply):
    """A server that passes the preflight and then says `reply(request)`."""

    def respond(handler, request, number):
        if said(request).startswith("Hello"):
            send(handler, completion("H", length(request)))
        else:
            send(handler, completion(reply(request), length(request)))

    return respond


def journal(folder):
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
