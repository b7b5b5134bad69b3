"""When a review was written, in the forms that people and tools write times.

A day is read as year-month-day, or with the year last as day-month-year or month-day-year: which
of the two, one order says for a whole file. A clock may lack its seconds, a zone is brought to UTC.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

DAY_FIRST, MONTH_FIRST = "day-first", "month-first"
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK = (
    r"(?:(?:T|,?\s+(?:at\s+)?)(?P<hour>\d{1,2}):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?"
    r"\s*(?:UTC|GMT)?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?(?:\s*\([\w\s]+\))?"
)
_MONTH = r"(?P<name>[A-Za-z]{3,9})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_PATTERNS = [
    re.compile(day + _CLOCK, re.ASCII)
    for day in (
        r"(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})",
        # Two digits of a year only with the marks that spreadsheets write them with.
        r"(?P<first>\d{1,2})([-/.])(?P<next>\d{1,2})\2(?P<year>\d{4}|(?<=[/.])\d\d)",
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
        rf"(?:[A-Za-z]{{3,9}},?\s+)?{_MONTH}[\s-]+{_DAY},?[\s-]+(?P<year>\d{{4}})",
        rf"(?:[A-Za-z]{{3,9}},?\s+)?{_DAY}[\s-]+{_MONTH},?[\s-]+(?P<year>\d{{4}})",
    )
]
_SINCE_EPOCH = re.compile(r"(\d{9,10}|\d{13})(?:\.\d+)?", re.ASCII)


def parse_time(text: str, order: str | None = None) -> int | None:
    """Microseconds since 1970 of a time; None where it is none, or where its day needs an order.

    order: DAY_FIRST or MONTH_FIRST, for days whose year comes last.
    """
    text = text.replace("\u202f", " ")  # which JavaScript writes before PM
    if match := _SINCE_EPOCH.fullmatch(text):
        return int(match[1].ljust(16, "0") if len(match[1]) > 10 else match[1] + "000000")
    part = _parts(text)
    if not part:
        return None
    if "first" in part:
        if order is None and part["first"] != part["next"]:
            return None
        in_order = [part["first"], part["next"]]
        part["month"], part["day"] = in_order if order == MONTH_FIRST else in_order[::-1]
    hour = int(part["hour"] or 0)
    if part["half"]:
        hour = hour % 12 + 12 * (part["half"][0] in "Pp") if 0 < hour <= 12 else 99
    if hour == 24:  # Python 3.14 takes it for the next day, earlier ones for none
        return None
    try:
        if "name" in part:
            part["month"] = str(MONTHS.index(part["name"][:3].lower()) + 1)
        year = int(part["year"]) + 2000 * (len(part["year"]) < 4)
        moment = datetime.fromisoformat(
            f"{year:04}-{int(part['month']):02}-{int(part['day']):02}"
            f"T{hour:02}:{part['minute'] or '00'}:{part['second'] or '00'}"
            f".{part['fraction'] or '0'}{part['zone'] or 'Z'}"
        )
        return (moment - EPOCH) // timedelta(microseconds=1)
    except ValueError:
        return None


def _parts(text: str) -> dict[str, str]:
    """The parts of a time by name; none where the text has none of the forms."""
    for pattern in _PATTERNS:
        if match := pattern.fullmatch(text):
            return match.groupdict()
    return {}


def needs_order(text: str) -> bool:
    """Whether a time can be told only when it is known whether the day or the month leads."""
    part = _parts(text)
    return part.get("first") != part.get("next")


def order_of(texts: Iterable[str]) -> str | None:
    """DAY_FIRST or MONTH_FIRST, as the first time settles it of which one part is above 12."""
    for part in map(_parts, texts):
        if "first" in part:
            first, second = int(part["first"]), int(part["next"])
            if max(first, second) > 12 >= min(first, second):
                return DAY_FIRST if first > 12 else MONTH_FIRST
    return None
