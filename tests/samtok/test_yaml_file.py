import time

import pytest

from samtok.yaml_file import MOST_BYTES, read_yaml


def doubled(levels: int) -> str:
    """Lists of ten aliases of the list before, 10**levels values in all."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("seed: !!timestamp x", 'this is no timestamp .* line 1, column 7'),
        ("seed: 1\nrate: !!int ''", 'this is no int .* line 2, column 7'),
        ("on: !!bool maybe", "this is no bool"),
        ("rate: !!float much", "this is no float"),
        ("count: " + "9" * 5000, "this is no int"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("[" * 5000, "more than 50 levels"),
        ("- " * 5000, "more than 50 levels"),
        ("{a: " * 5000, "more than 50 levels"),
        ("a: &a [1, *a]", "a value contains itself"),
        ("a: &a {b: {<<: *a}}", "a value contains itself"),
        (doubled(9), "more than 20000 values"),
        (f"a: [{'1,' * 30_000}]", "more than 20000 values"),
        ("a: 1\n'a': 2", "the key 'a' appears 2 times"),
        ("a: {<<: 1}", "takes mappings only"),
        ("a: \x01", "special characters are not allowed"),
        ("a: 1\n---\na: 2", "expected a single document"),
        ("a" * (MOST_BYTES + 1), "larger than"),
    ],
)  # fmt: skip
def test_a_faulty_or_boundless_file_is_one_line_in_short_time(tmp_path, content, message):
    path = tmp_path / "some.yaml"
    path.write_text(content)
    started = time.monotonic()
    with pytest.raises(ValueError, match=message) as caught:
        read_yaml(path)
    assert time.monotonic() - started < 15
    assert "some.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_endless_file_is_not_read_to_its_end(tmp_path):
    (tmp_path / "some.yaml").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="larger than"):
        read_yaml(tmp_path / "some.yaml")


def test_aliases_and_merged_mappings_keep_their_meaning(tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text(
        "base: &base {rate: 1, kinds: &kinds [a, b]}\n"
        "own: &own {<<: *base, rate: 2}\n"
        "both: {<<: [*own, {rate: 3, depth: 4}], kinds: *kinds}\n"
        "again: {<<: *own}\n"
    )
    read = read_yaml(path)
    assert read["own"] == read["again"] == {"rate": 2, "kinds": ["a", "b"]}
    assert read["both"] == {"rate": 2, "kinds": ["a", "b"], "depth": 4}
