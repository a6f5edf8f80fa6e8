"""What one who submits a run says of its checkpoint: submission.json in the committed folder."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from samtok_bench.runs.folder import read_versioned
from samtok_bench.runs.reading import NotComparable
from samtok_bench.runs.summary import SCHEMA

SUBMISSION = "submission.json"
_ONE_LINE = StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\r\n\t]*$")


class Submission(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid")
    schema_version: int = SCHEMA
    selected_on: Annotated[str, _ONE_LINE]
    """On what data the checkpoint was chosen among others, and by what; `nothing` where none was chosen."""


def read_submission(folder: Path) -> Submission | None:
    """What is said of a run's checkpoint; None where nothing is.

    Raises:
        NotComparable: the file is malformed, or of another version.
    """
    path = folder / SUBMISSION
    try:
        return read_versioned(path, Submission) if path.is_file() else None
    except ValueError as error:
        raise NotComparable(str(error)) from None
