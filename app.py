"""The explorer: look at what the pipeline saved, and score reviews live. It reads artifacts only, and trains nothing.

    streamlit run app.py                            # artifacts under data/
    streamlit run app.py -- --data-dir data-real
"""
import argparse
import sys
from functools import partial

import streamlit as st

from common import cli, tables, views
from common.artifacts import InputError, read_json

PAGES = (
    (views.overview, "Overview", ":material/home:"),
    (views.data, "Data", ":material/bar_chart:"),
    (views.models, "Models", ":material/leaderboard:"),
    (views.scaling, "Scaling", ":material/speed:"),
    (views.profiles, "Profiles", ":material/troubleshoot:"),
    (views.predict, "Predict", ":material/star:"),
)


def arguments(argv):
    """Options after `--` on streamlit's command line."""
    parser = argparse.ArgumentParser(prog="streamlit run app.py --", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", **cli.FLAGS["--data-dir"])
    return parser.parse_args(argv)


def show(view, data_dir):
    """One page: whose reviews these are, then the view. What the user can mend is one line, not a traceback."""
    try:
        manifest = read_json(data_dir, "manifest.json")
        if manifest["data"] == "synthetic":
            st.warning(tables.MADE, icon=":material/science:")
        view(data_dir, manifest)
    except InputError as error:
        st.error("This page cannot be shown:")
        st.text(str(error))


def main(argv):
    args = arguments(argv)
    st.set_page_config(page_title="Smarter Netflix Predictions", page_icon="⭐", layout="wide")
    pages = [st.Page(partial(show, view, args.data_dir), title=title, icon=icon, url_path=title.lower(), default=number == 0)
             for number, (view, title, icon) in enumerate(PAGES)]
    st.navigation(pages).run()


if __name__ == "__main__":
    main(sys.argv[1:])
