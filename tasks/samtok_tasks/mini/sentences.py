"""Sentences of references, as gRefCOCO and the refer family write them."""

from typing import Any

from samtok_tasks.mini.expressions import Expression


class SentenceNumbering:
    """Numbers the sentences of a file."""

    def __init__(self) -> None:
        self.next_id = 0

    def of(self, expressions: list[Expression]) -> dict[str, Any]:
        """The two fields of a reference that hold its sentences."""
        records = [
            {
                "sent_id": self.next_id + place,
                "raw": expression.text,
                "sent": expression.text,
                "tokens": expression.text.split(),
                "kind": expression.kind,  # official readers pass over it
            }
            for place, expression in enumerate(expressions)
        ]
        self.next_id += len(records)
        return {"sent_ids": [record["sent_id"] for record in records], "sentences": records}


def by_targets(expressions: list[Expression]) -> dict[tuple[int, ...], list[Expression]]:
    """Expressions by the objects they mean."""
    groups: dict[tuple[int, ...], list[Expression]] = {}
    for expression in expressions:
        groups.setdefault(expression.targets, []).append(expression)
    return groups
