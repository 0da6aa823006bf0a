"""Any change of a right document loads or gives problems with places, and does nothing else."""

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.marked_yaml import YamlPath, YamlValue
from mcp_router.policy.source import examine
from tests.policy.documents import VALID

CANARY = "hunter2!"  # no name has such a sign, so no path may show it
TREE: YamlValue = yaml.safe_load(VALID)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-5, max_value=10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([CANARY, "strong", "helpdesk", "returns", "as-listed", "balanced", "shop"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def places(value: YamlValue, path: YamlPath = ()) -> list[YamlPath]:
    """Return the path of the value and of every value in it."""
    found = [path]

    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))

    if isinstance(value, list):
        for index, item in enumerate(value):
            found += places(item, (*path, index))

    return found


def with_change(value: YamlValue, path: YamlPath, new: YamlValue, *, drop: bool) -> YamlValue:
    """Return the value with the place at `path` replaced, or left out."""
    if not path:
        return new

    step, rest = path[0], path[1:]
    leave_out = drop and not rest

    if isinstance(value, dict):
        return {
            key: with_change(item, rest, new, drop=drop) if key == step else item
            for key, item in value.items()
            if not (leave_out and key == step)
        }

    assert isinstance(value, list)
    return [
        with_change(item, rest, new, drop=drop) if index == step else item
        for index, item in enumerate(value)
        if not (leave_out and index == step)
    ]


def loads_or_gives_problems(content: bytes) -> None:
    examined = examine(content, file="x.yaml", name="shop", version=2)
    lines = content.count(b"\n") + 1

    assert (examined.policy is None) == bool(examined.problems)
    assert not any(CANARY in str(problem) for problem in examined.problems)
    assert all(1 <= problem.line <= lines for problem in examined.problems)
    assert all(problem.column >= 1 for problem in examined.problems)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(places(TREE)), values, st.booleans(), st.booleans())
def test_a_changed_tree(place: YamlPath, new: YamlValue, drop: bool, flow: bool) -> None:
    tree = with_change(TREE, place, new, drop=drop)
    text = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True)

    loads_or_gives_problems(text.encode("utf-8", "surrogatepass"))


@settings(max_examples=200, deadline=None)
@given(
    start=st.integers(min_value=0, max_value=len(VALID)),
    length=st.integers(min_value=0, max_value=60),
    new=st.one_of(
        st.sampled_from([CANARY, f"[{CANARY}]", f"{{{CANARY}: 1}}", f"\n{CANARY}: "]),
        st.text(alphabet="ab:-[]{}&*!|>'\"%@`,?#~ \n\t\\$09", max_size=12),
    ),
)
def test_a_damaged_text(start: int, length: int, new: str) -> None:
    loads_or_gives_problems((VALID[:start] + new + VALID[start + length :]).encode())
