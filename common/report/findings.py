"""What an analyst can act on, in the report: sentences that say what 02's tables say."""

from pandas import DataFrame

from common.charts.base import draw
from common.charts.reviews import eda_charts
from common.report.page import Section, section

SHOWN = 10  # rows


def sections(eda: dict[str, DataFrame]) -> list[Section]:
    if not eda:
        return [section(name) for name in ("health", "releases", "complaints", "new")]
    parts = [health(eda), releases(eda), complaints(eda), new(eda)]
    for part in parts:
        part.measured = ""  # a table without rows was measured, too
        for caption, table in part.tables.items():
            part.tables[caption] = table = table.dropna(axis=1, how="all")
            table.attrs["missing"] = "\N{EN DASH}"  # too few reviews, or none
    return parts


def health(eda: dict[str, DataFrame]) -> Section:
    periods, gaps = eda["periods"], eda["gaps"]
    text = "No break was found."
    if len(periods) > 1:
        breaks = [f"{row.first_day:%Y-%m-%d} ({row.begins})" for row in periods[1:].itertuples()]
        text = f"Other reviews begin on {', '.join(breaks)}."
    tables = {"Periods between breaks": periods, "Days with few or no reviews": gaps}
    return section("health", text, tables=tables)


def releases_text(table: DataFrame) -> list[str]:
    """A sentence for each release that stands out, the clearest first, or one that none does."""
    compared = table.dropna(subset="p_holm")
    out = compared[compared["stands_out"]]
    text = [
        f"Release {row.release} stands out: its share of 1 and 2 stars is "
        f"{abs(row.effect) * 100:.1f} points {'higher' if row.effect > 0 else 'lower'} than that "
        f"of others on the same days (95% interval {row.effect_low * 100:+.1f} to "
        f"{row.effect_high * 100:+.1f}; {row.reviews:,} reviews)."
        for row in out.sort_values("p_holm", kind="stable").itertuples()
    ]
    if compared.empty:
        return ["No release has enough reviews beside others' of the same days to compare it."]
    return text or [f"No release stands out, of {len(compared)} that could be compared."]


def releases(eda: dict[str, DataFrame]) -> Section:
    table = eda["releases"]
    caption = f"Releases that stand out, and those with the most reviews, {SHOWN} at most"
    order = table.sort_values(["stands_out", "reviews"], ascending=False)
    most = order.head(SHOWN).sort_index().drop(columns=["last_day", "compared"])
    charts = eda_charts({"releases": table})
    return section("releases", *releases_text(table), tables={caption: most}, charts=charts)


def complaints_text(eda: dict[str, DataFrame]) -> list[str]:
    """How much the groups cover, and the one that costs most stars; nothing where none does."""
    table, covered = eda["complaints"], eda["covered"].groupby("covered")["reviews"].sum()
    if not covered.get(True) or not (table["stars_lost"] > 0).any():
        return []
    first = table.iloc[0]
    return [
        f"{covered[True] / covered.sum():.1%} of the longer reviews of 1 and 2 stars speak of "
        f"one of the groups of complaints. Most stars are lost where they speak of "
        f"{first['group'].lower()}: {first['share']:.1%} of all reviews, which have "
        f"{first['mean_rating']:.2f} stars on average."
    ]


def complaints(eda: dict[str, DataFrame]) -> Section:
    tables = {"Groups, and topics of other reviews": eda["complaints"]}
    some = eda["complaints"].query("reviews > 0")
    charts = {"complaints": draw("complaints", some)} if len(some) else {}
    return section("complaints", *complaints_text(eda), tables=tables, charts=charts)


def new(eda: dict[str, DataFrame]) -> Section:
    table = eda["new_terms"]
    text = "No term is new in any week."
    if len(table):
        text = f"New terms: {table['term'].nunique()}. Those of the newest weeks:"
    return section("new", text, tables={"Terms": table.head(2 * SHOWN)})
