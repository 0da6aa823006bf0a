"""A strict reader of Prometheus' text format, version 0.0.4 (prometheus.io, exposition formats)."""

import math
import re
from dataclasses import dataclass, field

_HELP = re.compile(r"# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)")
_TYPE = re.compile(r"# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)")
_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')

Labels = frozenset[tuple[str, str]]


@dataclass(slots=True)
class Family:
    """One metric: its kind, its help and its samples in order."""

    kind: str
    meaning: str
    samples: list[tuple[str, Labels, float]] = field(default_factory=list)

    def value(self, name: str, **labels: str) -> float:
        """Return one sample's value."""
        wanted = frozenset(labels.items())
        (found,) = [value for n, at, value in self.samples if (n, at) == (name, wanted)]
        return found


def parse(text: str) -> dict[str, Family]:
    """Return the families of a page; anything that the format does not allow fails."""
    assert text.endswith("\n")
    families: dict[str, Family] = {}
    name = ""
    lines = iter(text.splitlines())

    for line in lines:
        if line.startswith("#"):
            told, typed = _HELP.fullmatch(line), _TYPE.fullmatch(next(lines))
            assert told is not None, line
            assert typed is not None, line
            assert told[1] == typed[1], "HELP and TYPE of one metric stand together"
            assert told[1] not in families, "a metric is told once"
            name = told[1]
            families[name] = Family(kind=typed[2], meaning=told[2])
        else:
            _read(families[name], name, line)

    for name, family in families.items():
        keys = [(sample, labels) for sample, labels, _ in family.samples]
        assert len(keys) == len(set(keys)), "a sample is told once"

        if family.kind == "histogram":
            _check_histogram(name, family)

    return families


def _read(family: Family, name: str, line: str) -> None:
    sample = _SAMPLE.fullmatch(line)
    assert sample is not None, line
    suffixes = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
    assert sample[1] in {name + suffix for suffix in suffixes}, line
    labels = sample[2] or ""
    pairs = _LABEL.findall(labels)
    assert "".join(f'{key}="{value}",' for key, value in pairs).rstrip(",") == labels, line
    value = float(sample[3])
    assert family.kind != "counter" or value >= 0, line
    family.samples.append((sample[1], frozenset(pairs), value))


def _check_histogram(name: str, family: Family) -> None:
    """Every series has all its buckets, in rising order, up to +Inf, which is the count."""
    series: dict[Labels, list[tuple[float, float]]] = {}

    for sample, labels, value in family.samples:
        if sample == f"{name}_bucket":
            bounds = [float(bound) for key, bound in labels if key == "le"]
            rest = frozenset(pair for pair in labels if pair[0] != "le")
            series.setdefault(rest, []).append((bounds[0], value))

    bounds_of_all = {tuple(bound for bound, _ in buckets) for buckets in series.values()}
    assert len(bounds_of_all) <= 1, "every series has the same buckets"

    for labels, buckets in series.items():
        assert buckets == sorted(buckets), "bounds and counts rise"
        assert math.isinf(buckets[-1][0])
        counts = [value for n, at, value in family.samples if (n, at) == (f"{name}_count", labels)]
        assert counts == [buckets[-1][1]]
        sums = [value for n, at, value in family.samples if (n, at) == (f"{name}_sum", labels)]
        assert len(sums) == 1
