"""How long the explorer takes in a real browser, in milliseconds, and its server's memory.

    PYTHONPATH=.:tests python tests/explorer/bench_explorer.py --data-dir data

Timed: the first page after a start, each page after another, filters and searches, and a typed
review. A page is there when its title stands and Streamlit's running sign is gone.
"""

import argparse
import re
import time
from statistics import median

import psutil
from playwright.sync_api import sync_playwright
from test_app import CHROMIUM, VIEWS, Tab, serving

REPEATS = 5


def clocked(action):
    started = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - started)


def table(title, times):
    for name, values in times.items():
        spread = f"{min(values):.0f} to {max(values):.0f}"
        print(f"{title} {name:<14} median {median(values):6.0f} ms, {spread}")


def answer(page, text):
    """Type a review into the page Score, and wait for its probability."""
    box = page.get_by_label("Review", exact=True)
    box.fill(text)
    before = page.get_by_test_id("stMetricValue").first.inner_text()

    def answered():
        box.press("Control+Enter")
        page.wait_for_function(
            "before => document.querySelector('[data-testid=stMetricValue]').innerText != before",
            arg=before,
            timeout=10_000,
        )

    return clocked(answered)


def choose(tab, act):
    """Change a filter of the page Reviews, and wait until its first line and all charts follow."""
    line = "document.querySelector('[data-testid=stMain] [data-testid=stMarkdown]').innerText"
    before = tab.page.evaluate(line)

    def chosen():
        act()
        tab.page.wait_for_function(f"before => {line} != before", arg=before, timeout=60_000)
        tab.settle()

    return clocked(chosen)


def filters(tab):
    """{what: [milliseconds]} of filters and searches on the page Reviews, each the first time."""
    sidebar = tab.page.get_by_test_id("stSidebar")
    stars = sidebar.get_by_test_id("stButtonGroup").first.get_by_role("button")
    search = tab.page.get_by_role("textbox", name="Search the texts", exact=True)

    def type_in(query):
        search.fill(query)
        search.press("Enter")

    times = {"filter": [], "search": []}
    for number in range(5):
        times["filter"].append(choose(tab, lambda number=number: stars.nth(number).click()))
    for query in ("crash*", '"log in" OR password', "movies -good", "price charged", "subtitles"):
        times["search"].append(choose(tab, lambda query=query: type_in(query)))
    return times


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", default="data")
    args = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        first = []
        for _ in range(3):
            with serving(args.data_dir) as address:
                first.append(clocked(lambda: Tab(browser, address).open("Summary")))
        table("first page", {"Summary": first})
        with serving(args.data_dir) as address:
            tab = Tab(browser, address)
            tab.open("Summary")
            time.sleep(15)  # libraries, reviews and models load in the background meanwhile
            times = {view: [] for view in VIEWS}
            for repeat in range(REPEATS + 1):
                for view in [*VIEWS[1:], VIEWS[0]]:
                    took = clocked(lambda view=view: tab.go(view))
                    if repeat:
                        times[view].append(took)
                    else:
                        print(f"opening {view:<14} the first time {took:6.0f} ms")
            table("switch to", times)
            tab.go("Reviews")
            table("a", filters(tab))
            tab.go("Score")
            if tab.page.get_by_label("Review", exact=True).count():
                moods = ["Great shows, love it", "Terrible, it crashed again", "ok", "so so"]
                texts = [f"{mood} {number}" for number in range(2) for mood in moods]
                table("a typed", {"review": [answer(tab.page, text) for text in texts]})
            port = re.search(r":(\d+)$", address)[1]
            server = next(
                process for process in psutil.Process().children() if port in process.cmdline()
            )
            print(f"memory of the server {server.memory_info().rss / 1e9:.2f} GB")
        browser.close()


if __name__ == "__main__":
    main()
