"""Both twins have the same names, signatures, defaults and errors."""

import importlib.util
import inspect
from types import ModuleType

import pytest

from pellucid import kernels
from pellucid.kernels import reference
from tests.kernels.reference.bad_calls import BAD_CALLS

EXTENSION = "pellucid.kernels._core"
CONTROL = {
    "active_isa",
    "explain",
    "get_num_threads",
    "isas",
    "ops",
    "set_num_threads",
    "use_isa",
    "variants",
}


@pytest.fixture(scope="module")
def compiled() -> ModuleType:
    if importlib.util.find_spec(EXTENSION) is None:
        pytest.skip(f"{EXTENSION} was not built")
    return importlib.import_module(EXTENSION)


def signature(function):
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters]


def test_the_door_shows_every_op():
    assert set(reference.__all__) <= set(kernels.__all__)
    assert reference.__all__ == sorted(set(reference.__all__))


@pytest.mark.parametrize("name", reference.__all__)
def test_signatures_agree(name, compiled):
    assert hasattr(compiled, name), f"{name} has no compiled twin"
    assert signature(getattr(compiled, name)) == signature(getattr(reference, name))


@pytest.mark.parametrize("name", sorted(CONTROL))
def test_the_compiled_twin_can_be_controlled(name, compiled):
    assert callable(getattr(compiled, name, None))


def test_every_compiled_op_has_a_reference(compiled):
    functions = {
        name
        for name, value in vars(compiled).items()
        if not name.startswith("_")
        and callable(value)
        and not inspect.isclass(value)
        and getattr(value, "__module__", None) == EXTENSION
        and "out" in str(inspect.signature(value))
    }
    assert functions <= set(reference.__all__)


@pytest.mark.parametrize("case", BAD_CALLS)
def test_errors_agree(case, compiled):
    messages = []
    for twin in (reference, compiled):
        name, args, options, error, words = BAD_CALLS[case]()
        with pytest.raises(error, match=words) as caught:
            getattr(twin, name)(*args, **options)
        messages.append(str(caught.value).replace(" or complex128", ""))
    assert messages[0] == messages[1]
