"""The public pictures have examples; tests/test_doctests.py runs them."""

from __future__ import annotations

import doctest

from pellucid import viz

FAMILIES = {
    *("classes", "features", "functions", "history", "network", "points"),
    *("saliency", "topology", "weights"),
}


def test_every_public_function_has_an_example() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True, recurse=False)
    functions = {name: getattr(viz, name) for name in viz.__all__}
    seen = set()
    for name, function in functions.items():
        family = function.__module__.rpartition(".")[2]
        if family not in FAMILIES:
            continue
        seen.add(family)
        (found,) = finder.find(function, name)
        assert found.examples, name
        assert not any("+SKIP" in example.source for example in found.examples), name
    assert seen == FAMILIES
