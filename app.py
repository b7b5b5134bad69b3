"""The explorer: look at what the pipeline saved, and score reviews live. It reads artifacts only, and trains nothing.

streamlit run app.py                            # artifacts under data/
streamlit run app.py -- --data-dir data-real
"""

import argparse
import gc
import importlib
import sys
import threading

import streamlit as st

from common import cli
from common.store import InputError, read_json
from common.synthetic import NOTICE

VIEWS = {  # module and function of each view; its libraries are loaded when it is first shown
    "Overview": "overview.overview",
    "Reviews": "reviews.reviews",
    "Models": "models.models",
    "Errors": "errors.errors",
    "Scaling": "scaling.scaling_page",
    "Profiles": "profiles.profiles",
    "Predict": "predict.predict",
}


def arguments(argv):
    """Options after `--` on streamlit's command line."""
    parser = argparse.ArgumentParser(
        prog="streamlit run app.py --",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data-dir", **cli.FLAGS["--data-dir"])
    return parser.parse_args(argv)


def show(name, data_dir):
    """One view: whose reviews these are, then what it shows. What the user can mend is one line, not a traceback."""
    try:
        try:
            manifest = read_json(data_dir, "manifest.json")
        except InputError:
            st.title(name)
            raise
        if manifest["data"] == "synthetic":
            st.warning(NOTICE, icon=":material/science:")
        else:
            st.success(
                "These are real reviews, from the files named on the page Overview.",
                icon=":material/verified:",
            )
        module, function = VIEWS[name].split(".")
        getattr(importlib.import_module(f"common.explorer.{module}"), function)(data_dir, manifest)
    except InputError as error:
        st.error("This page cannot be shown:")
        st.text(str(error))


@st.cache_resource
def load_ahead(data_dir):
    """Load, in the background, what the other pages need, so that they open at once: their libraries, the reviews and the models."""

    def load():
        from common.explorer import filters
        from common.explorer import predict as scoring_views

        try:
            filters.index_of(data_dir)
            scoring_views.load_scorers(data_dir)
        except (InputError, OSError):
            pass  # the page that needs it says so
        gc.freeze()  # Streamlit collects garbage after each run of a page: looking through what stays would take it 0.2 s

    threading.Thread(target=load, daemon=True).start()


def main(argv):
    args = arguments(argv)
    st.set_page_config(page_title="Smarter Netflix Predictions", page_icon="⭐", layout="wide")
    # Pages with paths of their own would do, but Streamlit's page looks for its server under such a path first, and logs an error each time.
    view = st.sidebar.radio("View", list(VIEWS), key="view", bind="query-params")
    show(view, args.data_dir)
    load_ahead(args.data_dir)


if __name__ == "__main__":
    main(sys.argv[1:])
