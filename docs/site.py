"""The site's files: the pages of the whole repository at their own paths, and the files that they link to."""

import re
import subprocess
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
STYLE = "docs/site.css"
LINK = re.compile(r"\]\(([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The site's files instead of those of docs/ alone, so that a link in the repository works here."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    pages = {name for name in listed.stdout.splitlines() if not name.startswith("tests/")}
    linked = {target for page in pages for target in _targets(page)}
    theme = [file for file in files if file.src_dir != config.docs_dir]
    return Files([*theme, *(_file(config, name) for name in sorted({*pages, *linked, STYLE}))])


def _file(config: MkDocsConfig, name: str) -> File:
    return File.generated(config, name, abs_src_path=str(ROOT / name))


def _targets(page: str) -> set[str]:
    """Files of the repository that a page links to or shows, by their paths in it."""
    links = [link for link in LINK.findall((ROOT / page).read_text()) if ":" not in link]
    paths = {((ROOT / page).parent / link).resolve() for link in links}
    return {path.relative_to(ROOT).as_posix() for path in paths if path.is_file() and ROOT in path.parents}
