"""The flags by which a user says what a file does not tell itself, for 01 and for scoring."""

from argparse import ArgumentParser, Namespace

from common.loading.columns import OPTIONS, parse_options
from common.loading.sources import Hints
from common.loading.times import DAY_FIRST, MONTH_FIRST


def add_hints(parser: ArgumentParser) -> None:
    """Add --columns, --dates and --encoding."""
    parser.add_argument(
        "--columns",
        default="",
        metavar="WHAT=NAME,...",
        help=f"columns that cannot be told by their names; WHAT is one of {', '.join(OPTIONS)}",
    )
    parser.add_argument(
        "--dates",
        choices=(DAY_FIRST, MONTH_FIRST),
        help="what leads in days whose year comes last, where no value tells",
    )
    parser.add_argument("--encoding", help="of text files that are not UTF-8, for example cp1252")


def hints_of(args: Namespace) -> Hints:
    """The flags' values. InputError for columns or an encoding that there cannot be."""
    return Hints(parse_options(args.columns), args.dates, args.encoding)
