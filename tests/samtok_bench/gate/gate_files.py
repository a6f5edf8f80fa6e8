"""Files of gates."""

import yaml

FORCE = "(`force: true` in the check compares them anyway)"


def write_gate(path, *checks):
    path.write_text(yaml.safe_dump({"checks": list(checks)}))
