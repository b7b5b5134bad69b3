"""From loaded reviews to a model of the text, by this suite and by what anyone would try first.

    PYTHONPATH=. python tests/features/bench_text.py --data-dir data --record text.jsonl

Prints seconds (reading, fitting and predicting), accuracy and AUC on the test split. Ours are the
text scorers of 03, and these with the text net of 05 after them; the others need
requirements-compare.txt. Run 01_load.py before.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from common.baselines.models import TEXT_CLASSIFIERS
from common.features.reading import read_rows, row_ranges
from common.features.transformer import load_features
from common.metrics import Metrics
from common.models.files import read_cards
from common.scores import five_star_scores
from common.store import read_json


def suite(data_dir: Path) -> dict[str, dict[str, float]]:
    """Seconds and scores of the text scorers of 03, and of 03 with 05."""
    seconds = {}
    for words in (["03_features.py"], ["05_gpu_train.py", "--model", "text"]):
        start = time.perf_counter()
        subprocess.run([sys.executable, *words, "--data-dir", str(data_dir)], check=True)
        seconds[words[0]] = time.perf_counter() - start
    print(seconds)
    rows, features = load_features(data_dir)
    test = np.flatnonzero(rows["split"] == "test")
    probability = expit(features.text_scores[test, -1].astype(float))
    scores = five_star_scores(rows["rating"].to_numpy()[test] == 5, probability)
    card = read_cards(data_dir)["netflixnet_text-all"]
    return {
        "text scorers (03)": {"seconds": seconds["03_features.py"], **scores},
        "text net (03 and 05)": {"seconds": sum(seconds.values()), **card["test"]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--with", nargs="*", dest="others", choices=TEXT_CLASSIFIERS)
    parser.add_argument("--record", type=Path, help="metrics file to write")
    args = parser.parse_args()
    results = suite(args.data_dir)
    rows = pd.read_parquet(args.data_dir / "features/rows.parquet")
    train, test = ((rows["split"] == name).to_numpy() for name in ("train", "test"))
    five_star = (rows["rating"] == 5).to_numpy().astype(int)
    for name in args.others or TEXT_CLASSIFIERS:
        start = time.perf_counter()
        parts = [read_rows(rows, ["review_text"]) for rows in row_ranges(args.data_dir)]
        texts = np.concatenate([part["review_text"].to_numpy() for part in parts])
        predicted = TEXT_CLASSIFIERS[name](texts[train], five_star[train], texts[test])
        seconds = time.perf_counter() - start
        results[name] = {"seconds": seconds, **five_star_scores(five_star[test], predicted)}
    metrics = Metrics("text", read_json(args.data_dir, "manifest.json"), 42)
    for name, scores in results.items():
        print(name, {score: round(scores[score], 4) for score in ("seconds", "accuracy", "auc")})
        for score in ("seconds", "accuracy", "auc"):
            unit = "s" if score == "seconds" else "1"
            metrics.add(f"text.{score}", scores[score], unit, variant=name)
    if args.record:
        args.record.write_text("".join(json.dumps(row) + "\n" for row in metrics.rows))


if __name__ == "__main__":
    main()
