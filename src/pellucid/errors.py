"""Error classes and the message that every pellucid error carries.

A message has three parts: what happened, what was expected, how to repair it.
"""

from __future__ import annotations

from collections.abc import Iterable

LINE_WIDTH = 100


class FormatError(ValueError):
    """A file's content is not what its format says it must be."""


class NumericsError(ArithmeticError):
    """Training met NaN or infinity."""


def describe(what: str, expected: str, repair: str) -> str:
    """Join the three parts of an error message.

    Parameters
    ----------
    what : str
        What happened, with the name of the argument and the value received.
    expected : str
        The sentence that begins with "Expected".
    repair : str
        How to repair it. A period missing at the end of a part is added.

    Returns
    -------
    str
        The first two parts on one line where they fit, the repair on the next.

    Example
    -------
    >>> print(describe("strides is 0", "Expected an integer >= 1", "Pass strides=1"))
    strides is 0. Expected an integer >= 1.
    Pass strides=1.
    """
    first, second, third = (_sentence(part) for part in (what, expected, repair))
    gap = " " if len(first) + len(second) < LINE_WIDTH else "\n"
    return f"{first}{gap}{second}\n{third}"


def closest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that looks most like `word`, None when nothing is near.

    Example
    -------
    >>> closest("smae", ["valid", "same"]), closest("auc", ["acc", "roc_auc"])
    ('same', 'roc_auc')
    """
    from difflib import get_close_matches  # costs a millisecond: only errors pay it

    names = {choice.lower(): choice for choice in choices}
    whole = [name for name in names if word.lower() in name.split("_")]
    if len(whole) == 1 and len(word) > 1:
        return names[whole[0]]
    found = get_close_matches(word.lower(), names, n=1, cutoff=0.5)
    return names[found[0]] if found else None


def argument(name: str) -> str:
    """The name of an argument without what owns it, for the repair of a message.

    Example
    -------
    >>> argument("SGD: ema_decay"), argument("epochs")
    ('ema_decay', 'epochs')
    """
    return name.rpartition(": ")[2]


def check_choice(value: object, name: str, choices: Iterable[str]) -> str:
    """Return `value` when it is one of the words in `choices`.

    Raises
    ------
    TypeError
        `value`, received for the argument `name`, is not a string.
    ValueError
        It is none of the words; the message has the list and the closest one.

    Example
    -------
    >>> check_choice("same", "padding", ["valid", "same"])
    'same'
    """
    words = tuple(choices)
    if isinstance(value, str) and value in words:
        return value
    if not isinstance(value, str):
        what = f"{name} is {value!r}, of type {type(value).__name__}"
        repair = f"Pass {argument(name)} as a string"
        raise TypeError(describe(what, _one_of(words), repair))
    otherwise = f"Choose {argument(name)} from the list."
    raise ValueError(unknown(f'{name} is "{value}"', value, words, otherwise=otherwise))


def unknown(
    what: str,
    word: str,
    words: Iterable[str],
    *,
    also: Iterable[str] = (),
    otherwise: str = "Choose one of the list.",
) -> str:
    """The message on a word that is none of those known, with the closest one.

    Parameters
    ----------
    what : str
        What happened.
    word : str
    words : iterable of str
        Those known.
    also : iterable of str
        Other names for them, which are not listed.
    otherwise : str
        How to repair it when nothing is near.

    Example
    -------
    >>> print(unknown('loss "msee" is not known', "msee", ["huber"], also=["mse"]))
    loss "msee" is not known. Expected one of "huber".
    Did you mean "mse"?
    """
    words = tuple(words)
    near = closest(word, [*words, *also])
    repair = f'Did you mean "{near}"?' if near else otherwise
    return describe(what, _one_of(words), repair)


def _one_of(words: Iterable[str]) -> str:
    return "Expected one of " + ", ".join(f'"{word}"' for word in words)


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "?", "!", ":")) else f"{text}."
