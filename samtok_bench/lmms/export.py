"""A task as lmms-eval's files: a YAML and a JSONL, which `--include_path` finds."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from samtok_bench.files import write_whole
from samtok_bench.lmms.exported import manner
from samtok_bench.lmms.settings import ExportSettings
from samtok_bench.sample import ImagePart, Sample, content_id, prompt_text
from samtok_bench.task import Task

FUNCTIONS = "samtok_bench.lmms.functions"
FIELDS = ("doc_to_messages", "doc_to_visual", "doc_to_text", "process_results")
"""Fields of a task's YAML, and the functions of those names."""


class _Function(str):
    """A function by its dotted name."""


class _Dumper(yaml.SafeDumper):
    """YAML with lmms-eval's `!function`."""


_Dumper.add_representer(
    _Function, lambda dumper, name: dumper.represent_scalar("!function", str(name), style="")
)


def export(
    task: Task,
    samples: Sequence[Sample],
    split: str,
    root: Path | None,
    elsewhere: Mapping[str, str],
    out: Path,
) -> Path:
    """Write a split for lmms-eval.

    Images stay where they are; the lines name them for whoever looks.

    Args:
        task: with its protocol, format and options.
        samples: of the split, as many as are wanted.
        split: its name.
        root: the data root, None for the task's own data.
        elsewhere: see `ExportSettings`.
        out: the folder.

    Returns:
        the YAML, whose name without ending is the task's in lmms-eval.

    Raises:
        ValueError: a task that lmms-eval cannot ask; says why. Options that do not go together.
    """
    _refuse(task, samples)
    manner(task, elsewhere)  # options that do not go together fail here, not in lmms-eval
    settings = ExportSettings(
        task=task.name,
        protocol=task.protocol,
        data_format=task.data,
        options=task.options,
        split=split,
        data_root=str(root.resolve()) if root else None,
        elsewhere=dict(elsewhere),
    )
    name = "_".join(["samtok", *_variant(task), split])
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / f"{name}.jsonl", b"".join(_lines(samples, settings)))
    write_whole(out / f"{name}.yaml", _yaml(name, task, settings).encode())
    return out / f"{name}.yaml"


def _refuse(task: Task, samples: Sequence[Sample]) -> None:
    if task.answered_by == "codec":
        raise ValueError(f"{task.name} asks codecs, not models: it has no questions to export")
    dialogues = [sample for sample in samples if sample.after or len(sample.turns) > 1]
    if dialogues:
        raise ValueError(
            f"{task.name} cannot be exported: {len(dialogues)} of its questions follow on earlier rounds, "
            f"one is {dialogues[0].id}, and lmms-eval asks each question by itself"
        )


def _variant(task: Task) -> list[str]:
    """What tells the task from others, without what is the default; any text by a hash of it."""
    chosen = [
        value if name in task.option_values else content_id(name, value)[:8]
        for name, value in task.options.items()
        if value != task.default_options[name]
    ]
    protocol = [] if task.protocol == "standard" else [task.protocol]
    data = [task.data] if task.data and task.data != task.data_formats[0] else []
    return [task.name, *data, *chosen, *protocol]


def _lines(samples: Sequence[Sample], settings: ExportSettings) -> Iterator[bytes]:
    common = settings.model_dump_json()
    for sample in samples:
        images = [part.path for turn in sample.turns for part in turn.parts if isinstance(part, ImagePart)]
        record = {
            "id": sample.id,
            "question": prompt_text(sample.turns),
            "images": [str(path.resolve()) for path in images],
            "settings": common,
        }
        yield json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _yaml(name: str, task: Task, settings: ExportSettings) -> str:
    generation: dict[str, Any] = {
        "max_new_tokens": task.generation.max_new_tokens,
        "do_sample": False,
        "temperature": 0.0,
        "until": [],  # else lmms-eval cuts at the first empty line
    }
    if task.generation.special_tokens:
        generation["skip_special_tokens"] = False
    content = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}},
        "test_split": "test",
        "output_type": "generate_until",
        **{field: _Function(f"{FUNCTIONS}.{field}") for field in FIELDS},
        # the only field of a document that lmms-eval logs
        "doc_to_target": "id",
        "generation_kwargs": generation,
        "metric_list": [
            {
                "metric": info.id,
                "aggregation": _Function(f"{FUNCTIONS}.aggregate"),
                "higher_is_better": info.direction != "lower",
            }
            for info in task.metrics
        ],
        "metadata": {"version": 1, "samtok_bench": settings.model_dump()},
    }
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
