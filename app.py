"""The explorer: look at what the pipeline saved, and score reviews live. It trains nothing.

streamlit run app.py                            # artifacts under data/
streamlit run app.py -- --data-dir data-real
"""

import gc
import sys
import threading
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

import streamlit as st

from common import cli, explorer
from common.explorer.filters import choose
from common.explorer.loaded import Scorers, load
from common.explorer.review_index import ReviewIndex
from common.store import InputError, read_json
from common.synthetic import NOTICE

GROUPS = explorer.TABLES["groups"]
PAGES = {title: module for pages in GROUPS.values() for title, module in pages.items()}
FILTERED = {"Reviews", "Answer first", "Models", "Errors"}  # what the filters are for
# On a phone the sidebar covers the page that was chosen in it.
CLOSE_SIDEBAR = """<script>if (innerWidth < 768)
document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click()</script>"""


def path_of(title: str) -> str:
    """The address of a page."""
    return title.lower().replace(" ", "-")


def show(title: str, module: str, data_dir: Path) -> None:
    """One page: whose reviews these are, then what it shows; what the user can mend is one line."""
    notice = st.empty()
    st.title("Smarter Netflix Predictions" if title == "Summary" else title)
    try:
        if read_json(data_dir, "manifest.json")["data"] == "synthetic":
            notice.warning(NOTICE, icon=":material/science:")
        name, *words = module.split()
        import_module(f"common.explorer.{name}").page(*words, data_dir)
    except InputError as error:
        st.error("This page cannot be shown:")
        st.text(str(error))


def draw_sidebar(title: str, data_dir: Path) -> None:
    """The filters, where the page or its address asks for them, or they are there at once."""
    before, st.session_state["title"] = st.session_state.get("title"), title
    if load_ahead(data_dir).is_set() or title in FILTERED or st.query_params:
        with suppress(InputError, OSError):  # the page says so
            st.session_state["choice"] = choose(data_dir, title in FILTERED, before != title)
    if before not in (None, title):
        with st.sidebar:
            st.html(CLOSE_SIDEBAR, unsafe_allow_javascript=True)


@st.cache_resource
def load_ahead(data_dir: Path) -> threading.Event:
    """Load reviews, models and their libraries in the background: other pages then open at once.

    The event is set when the reviews are there.
    """
    for module in PAGES.values():  # two threads that import the same could wait for each other
        import_module(f"common.explorer.{module.split()[0]}")
    reviews_are_there = threading.Event()

    def load_both() -> None:
        with suppress(InputError, OSError):  # the page that needs it says so
            load(ReviewIndex, data_dir)
            reviews_are_there.set()
            load(Scorers, data_dir)
        # Streamlit collects garbage after each run of a page: looking through this takes it 0.2 s.
        gc.freeze()

    threading.Thread(target=load_both, daemon=True).start()
    return reviews_are_there


def main(argv: list[str]) -> None:
    parser = cli.parser(__doc__)
    parser.prog = "streamlit run app.py --"
    data_dir = parser.parse_args(argv).data_dir
    st.set_page_config(page_title="Smarter Netflix Predictions", page_icon="⭐", layout="wide")
    pages = {
        title: st.Page(
            partial(show, title, module, data_dir),
            title=title,
            url_path=path_of(title) if title != "Summary" else None,
            default=title == "Summary",
        )
        for title, module in PAGES.items()
    }
    st.session_state["pages"] = pages
    groups = {name: [pages[title] for title in titles] for name, titles in GROUPS.items()}
    home = partial(st.switch_page, pages["Summary"])  # which has no path of its own
    groups[""] = [st.Page(home, title="Summary", url_path="summary", visibility="hidden")]
    page = st.navigation(groups, expanded=True)
    draw_sidebar(page.title, data_dir)
    page.run()


if __name__ == "__main__":
    main(sys.argv[1:])
