"""Which column of an export is which: told by its name, and where several fit, by its values."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from common.store import InputError
from common.toml import toml_beside

_TABLES = toml_beside(__file__)
OTHER_WORDS, DERIVED_WORDS = set(_TABLES.pop("other_words")), set(_TABLES.pop("derived_words"))
# What `--columns` calls the canonical columns.
OPTIONS: dict[str, str] = {names["option"]: column for column, names in _TABLES.items()}
NEEDED = {"review_text": "text", "review_rating": "rating", "review_timestamp": "time"}


def parse_options(text: str) -> dict[str, str]:
    """`--columns` ("text=Ulasan,rating=Bintang") as {canonical column: name in the header}."""
    chosen = {}
    for part in filter(None, text.split(",")):
        option, _, name = (word.strip() for word in part.partition("="))
        if option not in OPTIONS or "=" not in part:
            known = ", ".join(OPTIONS)
            raise InputError(f"--columns {text}: write WHAT=NAME,..., where WHAT is one of {known}")
        chosen[OPTIONS[option]] = name
    return chosen


def plain(name: str) -> str:
    """A column's name without case, spaces and punctuation."""
    return re.sub(r"[\W_]", "", name.casefold())


def _candidates(canonical: str, header: Sequence[str]) -> list[list[str]]:
    """Columns that may be the canonical one, in groups, those that are surest first."""
    names = _TABLES[canonical]
    by_plain: dict[str, list[str]] = {}
    for name in dict.fromkeys(header):
        by_plain.setdefault(plain(name), []).append(name)
    groups = [by_plain.get(name, []) for name in names.get("tools", ())]
    groups.append(list(chain(*(by_plain.get(name, []) for name in names.get("usual", ())))))
    likely: dict[bool, list[str]] = {False: [], True: []}
    unlike = OTHER_WORDS.union(names.get("unlike", ()))
    for name in header:
        # reviewText and "Review text" both have two words.
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()
        words = set(re.findall(r"[^\W_]+", spaced))
        if (
            words & set(names.get("words", ()))
            and not words & unlike
            and not re.search(r"\d", name)
        ):
            likely[bool(words & DERIVED_WORDS)].append(name)
    return [*groups, *likely.values()]


def recognise(
    path: str,
    header: Sequence[str],
    chosen: Mapping[str, str],
    needed: Sequence[str],
    fitting: Callable[[str, list[str]], list[str]],
) -> dict[str, str]:
    """{canonical column: name in the header} of an export.

    chosen: what the user said, as of `parse_options`; an empty name is a column that is not there.
    fitting: of several candidates for a canonical column, those whose first values fit it.
    Raises InputError, which shows the candidates, where a needed column cannot be told.
    """
    recognised: dict[str, list[str]] = {}
    unclear: dict[str, list[str]] = {}
    for canonical in _TABLES:
        groups = _candidates(canonical, header)
        if canonical in chosen:
            name = plain(chosen[canonical])
            same = [column for column in header if name and plain(column) == name]
            groups = [[column for column in same if column == chosen[canonical]] or same[:1]]
            if name and not groups[0]:
                raise _question(
                    path, f"there is no column {chosen[canonical]!r}", header, [canonical]
                )
        for group in groups:
            fit = fitting(canonical, group) if len(group) > 1 else group
            if fit:
                (recognised if len(fit) == 1 else unclear)[canonical] = fit
                break
    missing = [canonical for canonical in needed if canonical not in recognised]
    if missing:
        problem = (
            f"no column is known to be the {' or the '.join(NEEDED[name] for name in missing)}"
        )
        if missing[0] in unclear:
            missing = missing[:1]
            names = " and ".join(map(repr, unclear[missing[0]]))
            problem = f"{names} may all be the {NEEDED[missing[0]]}"
        raise _question(path, problem, header, missing)
    return {canonical: names[0] for canonical, names in recognised.items()}


def _question(path: str, problem: str, header: Sequence[str], columns: list[str]) -> InputError:
    """What cannot be told of a header, what it holds, and how to say what it means."""
    names = [" ".join(name.split())[:40] for name in header if name.strip()]
    shown = ", ".join(names[:20]) + ("..." if len(names) > 20 else "")
    option = {column: word for word, column in OPTIONS.items()}
    answer = ",".join(f"{option[column]}=NAME" for column in columns)
    return InputError(f"{path}: {problem} (the first line has {shown}); say it: --columns {answer}")
