"""The explorer: look at what the pipeline saved, and score reviews live. It trains nothing.

streamlit run app.py                            # artifacts under data/
streamlit run app.py -- --data-dir data-real
"""

import gc
import sys
import threading
from contextlib import suppress
from pathlib import Path

import streamlit as st

from common import cli
from common.explorer import errors, models, overview, predict, profiles, reviews, scaling
from common.explorer.loaded import Scorers, load
from common.explorer.review_index import ReviewIndex
from common.store import InputError, read_json
from common.synthetic import NOTICE

PAGES = {
    "Overview": overview.page,
    "Reviews": reviews.page,
    "Models": models.page,
    "Errors": errors.page,
    "Scaling": scaling.page,
    "Profiles": profiles.page,
    "Predict": predict.page,
}


def show(name: str, data_dir: Path) -> None:
    """One page: whose reviews these are, then what it shows; what the user can mend is one line."""
    whose = st.empty()
    st.title("Smarter Netflix Predictions" if name == "Overview" else name)
    try:
        if read_json(data_dir, "manifest.json")["data"] == "synthetic":
            whose.warning(NOTICE, icon=":material/science:")
        else:
            whose.success(
                "These are real reviews, from the files named on the page Overview.",
                icon=":material/verified:",
            )
        PAGES[name](data_dir)
    except InputError as error:
        st.error("This page cannot be shown:")
        st.text(str(error))


@st.cache_resource
def load_ahead(data_dir: Path) -> None:
    """Load reviews, models and their libraries in the background: other pages then open at once."""

    def load_both() -> None:
        with suppress(InputError, OSError):  # the page that needs it says so
            load(ReviewIndex, data_dir)
            load(Scorers, data_dir)
        # Streamlit collects garbage after each run of a page: looking through this takes it 0.2 s.
        gc.freeze()

    threading.Thread(target=load_both, daemon=True).start()


def main(argv: list[str]) -> None:
    parser = cli.parser(__doc__)
    parser.prog = "streamlit run app.py --"
    data_dir = parser.parse_args(argv).data_dir
    st.set_page_config(page_title="Smarter Netflix Predictions", page_icon="⭐", layout="wide")
    # Pages with paths of their own would do, but Streamlit's page looks for its server under such
    # a path first, and logs an error each time.
    show(st.sidebar.radio("View", list(PAGES), key="view", bind="query-params"), data_dir)
    load_ahead(data_dir)


if __name__ == "__main__":
    main(sys.argv[1:])
