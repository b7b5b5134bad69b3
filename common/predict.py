"""Score reviews with saved models.

    python -m common.predict IN.csv --out OUT.csv --data-dir data    # by the best validation AUC
    python -m common.predict IN.csv --out OUT.csv --data-dir data --model random_forest-all

IN.csv is any export that 01_load.py recognises; of its columns a text is enough. OUT.csv has one
row per input record, in input order: review_id, p_five_star, predicted_rating, model, reason. A
record that cannot be read keeps its place with empty predictions and the reason.
"""

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas import DataFrame
from tqdm import tqdm

from common import cli
from common.features.splits import plain_texts
from common.features.transformer import Transformer
from common.loading import read_records
from common.loading.sources import AS_WRITTEN, Hints, hints_of
from common.models.files import load_model, read_cards
from common.schema import SCHEMA
from common.spreadsheet import neutralise
from common.store import InputError, replacing, require

NO_TEXT = "no text: the share of five stars and the mean rating in training"
OUTPUT = ["review_id", "p_five_star", "predicted_rating", "model", "reason"]
# Of input at a time: n-gram counts take about a hundred times the text's size.
BATCH_BYTES = 4 << 20


class Predictor:
    """The fitted features, a classifier and a rating model of one data directory, ready to score.

    model: name of a saved model; default: the classifier with the best validation AUC. Naming a
    rating model chooses that one for the ratings and keeps the default classifier. InputError when
    something is missing, damaged or does not match.
    """

    def __init__(self, data_dir: Path, model: str | None = None) -> None:
        cards = read_cards(data_dir)
        names: dict[str, str] = {}
        for name, card in cards.items():  # the best of each task comes first
            names.setdefault(card["task"], name)
        if model is not None:
            if model not in cards:
                load_model(data_dir, model)  # says which models there are
            names[cards[model]["task"]] = model
        for task in ("five_star", "rating"):
            if task not in names:
                raise InputError(
                    f"no {task} model under {data_dir}/models: "
                    f"run `python 04_cpu_models.py --data-dir {data_dir}` first"
                )
        self.transformer = Transformer.load(data_dir)
        self.classifier = load_model(data_dir, names["five_star"])
        self.regressor = load_model(data_dir, names["rating"])
        path = require(data_dir, "features/rows.parquet")
        rows = pd.read_parquet(path, columns=["split", "text_hash"])
        if not self.classifier.final:
            rows = rows[rows["split"] == "train"]
        self.trained_on = rows["text_hash"].unique()  # hashes of `plain_texts`

    @property
    def name(self) -> str:
        return self.classifier.card["name"]

    def score(self, reviews: pa.Table) -> DataFrame:
        """Reviews with `one_review`'s columns -> p_five_star and predicted_rating (float64), in
        training (bool, whether the text was) and reason (NO_TEXT, or null).

        A review without a text gets the shares of the ratings that the text scorers were fitted on.
        """
        features = self.transformer.transform(reviews)
        texts = plain_texts(reviews["review_text"])
        empty = (texts["characters"] == 0).to_numpy()
        shares = self.transformer.base_rates
        return DataFrame(
            {
                "p_five_star": np.where(empty, shares[-1], self.classifier.predict(features)),
                "predicted_rating": np.where(
                    empty, 1 + shares.sum(), self.regressor.predict(features)
                ),
                "in_training": ~empty & texts["text_hash"].isin(self.trained_on),
                "reason": pd.Series(empty).map({True: NO_TEXT}),
            }
        )


def one_review(
    text: str, likes: int = 0, version: str | None = None, time: datetime | None = None
) -> pa.Table:
    """One review as the models expect it; time: without zone."""
    values = {
        "review_text": text,
        "review_likes": likes,
        "author_app_version": version or None,
        "review_timestamp": time,
    }
    return pa.Table.from_pylist([values], pa.schema(map(SCHEMA.field, values)))


def score_file(
    path: Path, predictor: Predictor, hints: Hints = AS_WRITTEN
) -> Iterator[tuple[DataFrame, float]]:
    """Batches of an export as tables of its reviews' columns, OUTPUT and in_training, records in
    input order, in bounded memory.

    With each comes the share of the file that is done.
    """
    for reviews, unreadable, done in read_records(path, BATCH_BYTES, hints):
        scored = reviews.to_pandas()
        if len(reviews):
            scored = scored.join(predictor.score(reviews))
            scored["model"] = predictor.name
        failed = DataFrame(
            [(one.byte_offset, one.review_id, "; ".join(one.reasons)) for one in unreadable],
            columns=["byte_offset", "review_id", "reason"],
        )
        batch = pd.concat([scored, failed]).sort_values("byte_offset", ignore_index=True)
        yield batch.reindex(columns=[*dict.fromkeys([*batch, *OUTPUT, "in_training"])]), done


class Written(NamedTuple):
    """How many records a file had, how many could not be read, and how many of the texts of the
    others were in training: these are predicted better than new ones would be."""

    records: int
    unreadable: int
    in_training: int

    def __str__(self) -> str:
        return (
            f"{self.unreadable:,} of {self.records:,} records could not be read (see their "
            f"reason); {self.in_training:,} of the other texts were in training, and are predicted "
            "better than new ones"
        )


def write_scores(
    source: Path,
    out: Path,
    predictor: Predictor,
    hints: Hints = AS_WRITTEN,
) -> Written:
    """Score an export into a CSV, whole or not at all; InputError where no record was scored."""
    counts = np.zeros(3, int)
    with (
        replacing(out) as partial,
        open(partial, "w", encoding="utf-8", newline="") as file,
        tqdm(unit=" reviews", delay=2, file=sys.stderr) as bar,
    ):
        for batch, _ in score_file(source, predictor, hints):
            batch["review_id"] = neutralise(batch["review_id"].astype("str"))
            batch.to_csv(
                file,
                columns=OUTPUT,
                index=False,
                header=file.tell() == 0,
                float_format="%.6g",
                lineterminator="\n",
            )
            known = batch["in_training"].eq(True)
            counts += len(batch), batch["p_five_star"].isna().sum(), known.sum()
            bar.update(len(batch))
        written = Written(*counts.tolist())
        if written.records == written.unreadable:
            why = f", for example because of {batch['reason'].iloc[0]}" if written.records else ""
            raise InputError(f"{source}: none of {written.records:,} records could be scored{why}")
    return written


def main(argv: Sequence[str]) -> None:
    flags = "source", "--out", "predict --model", "--columns", "--dates", "--encoding"
    args = cli.parser(__doc__, *flags).parse_args(argv)
    predictor = Predictor(args.data_dir, args.model)
    written = write_scores(args.source, args.out, predictor, hints=hints_of(args))
    print(f"scored by {predictor.name} to {args.out}: {written}")


if __name__ == "__main__":
    cli.run(main)
