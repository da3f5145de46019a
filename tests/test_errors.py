import pytest

from pellucid.errors import (
    FormatError,
    NumericsError,
    check_choice,
    closest,
    describe,
)


def test_classes_are_kinds_of_the_standard_errors():
    assert issubclass(FormatError, ValueError)
    assert issubclass(NumericsError, ArithmeticError)


def test_a_message_has_three_parts():
    message = describe("x is 3", "Expected 2", "Pass 2")
    assert message == "x is 3. Expected 2.\nPass 2."
    long = describe("x" * 60, "Expected " + "y" * 60, "Do you mean z?")
    assert long == f"{'x' * 60}.\nExpected {'y' * 60}.\nDo you mean z?"


def test_closest_finds_typing_errors_only():
    assert closest("Adam", ["adam", "sgd"]) == "adam"
    assert closest("zzz", ["adam", "sgd"]) is None


def test_choices():
    assert check_choice("a", "word", ["a", "b"]) == "a"
    with pytest.raises(ValueError, match=r'word is "c"\. Expected one of "a", "b"'):
        check_choice("c", "word", ["a", "b"])
    with pytest.raises(TypeError, match="word is 3, of type int"):
        check_choice(3, "word", ["a", "b"])
