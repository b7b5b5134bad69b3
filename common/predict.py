"""Score reviews with saved models.

    python -m common.predict IN.csv --out OUT.csv --data-dir data               # the model with the best validation AUC
    python -m common.predict IN.csv --out OUT.csv --data-dir data --model random_forest-all

IN.csv is any review export that 01_load.py accepts, .csv.gz too; its rating column is neither needed nor read. OUT.csv has one
row per input record, in input order: review_id, p_five_star, predicted_rating, model, reason. A record that cannot be read
keeps its place with empty predictions and the reason.
"""

import argparse
import sys

import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from common import cli
from common.features.reading import FEATURE_COLUMNS
from common.features.transformer import Transformer
from common.loading import read_records
from common.models.files import load_model, read_cards
from common.store import InputError, replacing

OUTPUT = ["review_id", "p_five_star", "predicted_rating", "model", "reason"]
BATCH_BYTES = (
    4 << 20
)  # of input at a time: n-gram counts take about a hundred times the text's size


class Predictor:
    """The fitted features, a classifier and the best rating model of one data directory, ready to score.

    model: name of a saved model; default: the classifier with the best validation AUC. Naming a rating model chooses that
    one for the ratings and keeps the default classifier. InputError when something is missing, damaged or does not match.
    """

    def __init__(self, data_dir, model=None):
        cards = read_cards(data_dir)
        if model is not None and model not in cards:
            load_model(data_dir, model)  # says which models there are
        best = {}
        for name, card in cards.items():
            best.setdefault(card["task"], name)
        if model is not None:
            best[cards[model]["task"]] = model
        for task, script in (("five_star", "04_cpu_models.py"), ("rating", "04_cpu_models.py")):
            if task not in best:
                raise InputError(
                    f"no {task} model under {data_dir}/models: run `python {script} --data-dir {data_dir}` first"
                )
        self.transformer = Transformer.load(data_dir)
        self.classifier, self.regressor = (
            load_model(data_dir, best[task]) for task in ("five_star", "rating")
        )

    @property
    def name(self):
        return self.classifier.card["name"]

    def score(self, reviews):
        """pyarrow Table with features.FEATURE_COLUMNS -> DataFrame of p_five_star (0-1) and predicted_rating (1-5), float64."""
        features = self.transformer.transform(reviews)
        return pd.DataFrame(
            {
                "p_five_star": self.classifier.predict(features),
                "predicted_rating": self.regressor.predict(features),
            }
        )


def one_review(text, likes=0, version=None, time=None):
    """A pyarrow Table with one review as the models expect it; time: datetime without zone, or None."""
    return pa.table(
        {
            "review_text": pa.array([text], pa.string()),
            "review_likes": pa.array([likes], pa.int64()),
            "author_app_version": pa.array([version or None], pa.string()),
            "review_timestamp": pa.array([time], pa.timestamp("us")),
        }
    ).select(FEATURE_COLUMNS)


def score_file(path, predictor):
    """Yield (a DataFrame of OUTPUT columns, share of the file done) per batch of an export, records in input order, in bounded memory."""
    for reviews, unreadable, done in read_records(path, BATCH_BYTES):
        good = pd.DataFrame(
            {
                "review_id": reviews["review_id"].to_pandas(),
                "byte_offset": reviews["byte_offset"].to_pandas(),
            }
        )
        if len(reviews):
            good[["p_five_star", "predicted_rating"]] = predictor.score(reviews).to_numpy()
            good["model"] = predictor.name
        bad = pd.DataFrame(
            [(q.byte_offset, q.review_id, "; ".join(q.reasons)) for q in unreadable],
            columns=["byte_offset", "review_id", "reason"],
        )
        yield (
            pd.concat([good, bad])
            .sort_values("byte_offset", ignore_index=True)
            .reindex(columns=OUTPUT),
            done,
        )


def neutralise(column):
    """A string column in which cells that a spreadsheet would run as a formula start with an apostrophe."""
    return column.str.replace(r"^(?=[=+\-@\t\r\n])", "'", regex=True)


def spreadsheet_csv(table):
    """The table as CSV bytes for a spreadsheet, its text cells neutralised."""
    text = [
        name
        for name in table
        if table[name].dtype == object or pd.api.types.is_string_dtype(table[name])
    ]
    return (
        table.assign(
            **{
                name: neutralise(table[name].astype("str").where(table[name].notna(), ""))
                for name in text
            }
        )
        .to_csv(index=False)
        .encode()
    )


def write_scores(source, out, predictor, tell=lambda done: None):
    """Score the export `source` and write the CSV `out` whole or not at all; returns (records, unreadable ones). `tell` is called with
    the share of the file that is done."""
    records = unreadable = 0
    with (
        replacing(out) as partial,
        open(partial, "w", encoding="utf-8", newline="") as file,
        tqdm(unit=" reviews", delay=2, file=sys.stderr) as bar,
    ):
        for number, (batch, done) in enumerate(score_file(source, predictor)):
            batch["review_id"] = neutralise(batch["review_id"].astype("str"))
            batch.to_csv(
                file, index=False, header=number == 0, float_format="%.6g", lineterminator="\n"
            )
            records, unreadable = (
                records + len(batch),
                unreadable + int(batch["reason"].notna().sum()),
            )
            bar.update(len(batch))
            tell(done)
    return records, unreadable


def main(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", metavar="IN.csv")
    parser.add_argument("--out", required=True, metavar="OUT.csv")
    parser.add_argument("--data-dir", **cli.FLAGS["--data-dir"])
    parser.add_argument("--model", help="name of a saved model (default: the best validation AUC)")
    args = parser.parse_args(argv)
    predictor = Predictor(args.data_dir, args.model)
    records, unreadable = write_scores(args.source, args.out, predictor)
    print(
        f"{records:,} records scored by {predictor.name} to {args.out}; {unreadable:,} could not be read (see their reason)"
    )


if __name__ == "__main__":
    cli.run(main)
