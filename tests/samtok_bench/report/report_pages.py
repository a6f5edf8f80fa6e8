"""What a report's page holds."""

import json
import re


def part(page: str, id: str):
    """The JSON of a script element."""
    found = re.search(rf'<script type="application/json" id="{id}">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def rows_of(page: str, kind: str) -> list[list[str]]:
    """The cells of a table as text."""
    table = re.search(rf'<table class="{kind}">(.*?)</table>', page, re.DOTALL)[1]
    rows = re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in row] for row in cells]
