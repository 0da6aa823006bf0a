"""YAML with places: what is read, what is refused, and that every complaint has its position."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.marked_yaml import (
    MAX_BYTES,
    MAX_PROBLEMS,
    Mark,
    Problem,
    YamlValue,
    parse_yaml,
    show_path,
)


def told(content: bytes) -> list[str]:
    return [str(problem) for problem in parse_yaml(content, file="x.yaml").problems]


def test_every_key_and_value_has_its_place() -> None:
    document = parse_yaml(b"a:\n  - b: 1\n    c: [x, y]\n", file="x.yaml")

    assert document.value == {"a": [{"b": 1, "c": ["x", "y"]}]}
    assert document.keys == {
        ("a",): Mark(line=1, column=1),
        ("a", 0, "b"): Mark(line=2, column=5),
        ("a", 0, "c"): Mark(line=3, column=5),
    }
    assert document.values == {
        (): Mark(line=1, column=1),
        ("a",): Mark(line=2, column=3),
        ("a", 0): Mark(line=2, column=5),
        ("a", 0, "b"): Mark(line=2, column=8),
        ("a", 0, "c"): Mark(line=3, column=8),
        ("a", 0, "c", 0): Mark(line=3, column=9),
        ("a", 0, "c", 1): Mark(line=3, column=12),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("-12", -12),
        ("010", 10),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("2026-11-20", "2026-11-20"),
        ("1:30", "1:30"),
        ("0x1f", "0x1f"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("1" * 5000, "1" * 5000),
        ("'1'", "1"),
        ('"true"', "true"),
        ('"\\u00e9"', "é"),
        ("|\n  one\n  two\n", "one\ntwo\n"),
    ],
)
def test_only_numbers_truth_and_null_are_not_text(text: str, expected: YamlValue) -> None:
    document = parse_yaml(f"a: {text}".encode(), file="x.yaml")

    assert document.problems == ()
    assert document.value == {"a": expected}
    assert type(document.at(("a",))) is type(expected)


def test_an_alias_repeats_its_anchor() -> None:
    document = parse_yaml(b"a: &limits {n: 1}\nb: *limits", file="x.yaml")

    assert document.problems == ()
    assert document.value == {"a": {"n": 1}, "b": {"n": 1}}


def test_a_byte_order_mark_moves_no_column() -> None:
    assert parse_yaml(b"\xef\xbb\xbfa: 1", file="x").keys == {("a",): Mark(line=1, column=1)}


def test_an_empty_file_has_no_value() -> None:
    assert parse_yaml(b"# only a comment\n", file="x.yaml").value is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: 1\nb: 2\na: 3", "x.yaml:3:1: expected each key once; line 1 has this one already"),
        (b"a: {b: 1, b: 2}", "x.yaml:1:11: a: expected each key once; line 1 has this one already"),
        (b"1: a", "x.yaml:1:1: expected a key of text; put quotes around it"),
        (b"a:\n  ? [b]\n  : c", "x.yaml:2:5: a: expected a key of text; put quotes around it"),
        (b"a: !!int 3", "x.yaml:1:4: a: expected a value without a YAML tag"),
        (b"a: !!python/name:os.system ''", "x.yaml:1:4: a: expected a value without a YAML tag"),
        (
            b"a: [1, 2",
            "x.yaml:1:9: expected valid YAML: expected ',' or ']', but got '<stream end>'",
        ),
        (b"a: *secret", "x.yaml:1:4: expected valid YAML: found undefined alias …"),
        (b"a: b: c", "x.yaml:1:5: expected valid YAML: mapping values are not allowed here"),
        (
            b"a: 1\n---\nb: 2",
            "x.yaml:2:1: expected valid YAML: expected a single document in the stream, "
            "but found another document",
        ),
        (b"a: '", "x.yaml:1:5: expected valid YAML: found unexpected end of stream"),
        (
            b"a:\n\t- b",
            "x.yaml:2:1: expected valid YAML: found character '\\t' that cannot start any token",
        ),
        (b'a: "\\Uffffffff"', "x.yaml:1:7: expected valid YAML: a character of Unicode"),
        (
            b'a: "\\ud800"',
            "x.yaml:1:4: a: expected whole characters, not halves of a surrogate pair",
        ),
        (b"a: b\nc: \x00", "x.yaml:2:4: expected printable text; this character must be escaped"),
        (b"a: b\nc: \xff", "x.yaml:2:4: expected text in UTF-8"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(content: bytes, expected: str) -> None:
    assert told(content) == [expected]


def test_all_that_is_wrong_below_the_syntax_is_told_at_once() -> None:
    assert told(b"a: 1\na: 2\n2: b\nc: !x y") == [
        "x.yaml:2:1: expected each key once; line 1 has this one already",
        "x.yaml:3:1: expected a key of text; put quotes around it",
        "x.yaml:4:4: c: expected a value without a YAML tag",
    ]


def test_the_largest_file_is_read_and_one_byte_more_is_not() -> None:
    padding = b"a: 1\n#"

    assert told(padding + b"x" * (MAX_BYTES - len(padding))) == []
    assert told(padding + b"x" * (MAX_BYTES - len(padding) + 1)) == [
        "x.yaml:1:1: expected a file of at most 1 MiB"
    ]


def test_an_alias_bomb_is_not_unfolded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    problems = told("\n".join(lines).encode())

    assert len(problems) == 1
    assert problems[0].endswith(
        "expected at most 50000 values and 32 levels, aliases counted in full"
    )


def test_a_value_that_holds_itself_is_refused() -> None:
    assert told(b"a: &a [*a]") == [
        "x.yaml:1:4: expected at most 50000 values and 32 levels, aliases counted in full"
    ]


@pytest.mark.parametrize("content", [b"[" * 100_000, b"a: " + b"{a: " * 50, b"- " * 100_000])
def test_deep_nesting_is_refused_before_it_exhausts_the_stack(content: bytes) -> None:
    problems = told(content)

    assert len(problems) == 1
    assert problems[0].endswith("expected valid YAML: found more than 32 levels")


def test_a_problem_points_at_the_nearest_place_that_the_file_has() -> None:
    document = parse_yaml(b"a:\n  b: 1\n", file="x.yaml")

    assert document.problem(("a", "c", 3), "text") == Problem(
        file="x.yaml", line=2, column=3, path="a.c[3]", expected="text"
    )
    assert document.problem(("a", "b"), "text", at_key=True) == Problem(
        file="x.yaml", line=2, column=3, path="a", expected="text"
    )
    assert document.problem(("z",), "text") == Problem(
        file="x.yaml", line=1, column=1, path="z", expected="text"
    )


def test_a_key_that_may_be_a_secret_is_not_shown() -> None:
    assert show_path(("tokens", 0, "sk-" + "a" * 80, "x y")) == "tokens[0].….…"


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.text(alphabet="ab:-[]{}&*!|>'\"%@`,?#~ \n\t\\x0", max_size=60).map(str.encode),
    )
)
def test_no_content_makes_the_reader_fail(content: bytes) -> None:
    document = parse_yaml(content, file="x.yaml")

    assert all(problem.line >= 1 and problem.column >= 1 for problem in document.problems)
    assert document.value is None or () in document.values


def test_a_file_of_nothing_but_mistakes_is_told_up_to_a_point() -> None:
    twice = b"a: {" + b"b: 1, " * 20_000 + b"}\n"
    content = twice + b"c: [" + b"1, " * 60_000 + b"]\n"

    found = parse_yaml(content, file="a.yaml").problems

    assert len(found) == MAX_PROBLEMS + 1
    assert "at most 50000 values" in found[-1].expected
