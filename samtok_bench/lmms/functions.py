"""What the YAML of an exported task names, for lmms-eval to call.

A document is {"id": of the sample, "settings": ExportSettings as JSON, ...}.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from samtok_bench.lmms.exported import exported

Document = Mapping[str, Any]


def doc_to_messages(doc: Document) -> list[dict[str, Any]]:
    """For models that chat."""
    return exported(doc["settings"]).messages(doc["id"])


def doc_to_visual(doc: Document) -> list[Any]:
    """The pictures, for models that take pictures and one text."""
    return [part["url"] for part in _parts(doc) if part["type"] == "image"]


def doc_to_text(doc: Document) -> str:
    """The text for such models."""
    return "".join(part["text"] for part in _parts(doc) if part["type"] == "text")


def process_results(doc: Document, results: Sequence[str]) -> dict[str, Any]:
    """What an answer adds to each metric."""
    items = exported(doc["settings"]).items(doc["id"], results[0])
    return {name: {**item, "settings": doc["settings"]} for name, item in items.items()}


def aggregate(items: Sequence[Mapping[str, Any]]) -> float | None:
    """The value of the metric that the items are of; None where it is undefined."""
    split = exported(items[0]["settings"])
    (info,) = (info for info in split.task.metrics if info.id == items[0]["metric"])
    return split.value(info, items)


def _parts(doc: Document) -> list[dict[str, Any]]:
    return [part for message in doc_to_messages(doc) for part in message["content"]]
