"""Write the report from what earlier scripts saved: one self-contained HTML page, and as Markdown.

    python 06_report.py --data-dir data
    python 06_report.py --data-dir data --mlflow sqlite:///mlflow.db    # also log all to MLflow

Published: report/index.html (charts inside, no network needed), report/report.md with its charts
beside it as SVG files. A part whose script has not run says so; a figure that was not measured is
called that, never 0.
"""

from collections.abc import Sequence
from pathlib import Path

from common import cli
from common.store import locked, publishing, read_json


def main(argv: Sequence[str] | None) -> None:
    args = cli.parser(__doc__, "--mlflow").parse_args(argv)
    with locked(args.data_dir):
        write_report(args.data_dir, args.mlflow)


def write_report(data_dir: Path, mlflow_uri: str | None) -> None:
    from common.metrics import read_metrics
    from common.report import findings, sections
    from common.report.page import write_pages
    from common.report.tables import eda_tables

    manifest, metrics = read_json(data_dir, "manifest.json"), read_metrics(data_dir)
    eda = eda_tables(data_dir) if (metrics["step"] == "02_eda").any() else {}
    parts = [
        sections.question(data_dir, metrics, eda),
        sections.data(manifest, metrics, eda),
        sections.reviews(eda),
        *findings.sections(eda),
        sections.parallelism(data_dir, metrics),
        sections.models(data_dir, metrics),
        sections.training(metrics),
        sections.profiles(data_dir, metrics),
        sections.original_study(data_dir, metrics),
        sections.environment(metrics),
    ]
    with publishing(data_dir, "report") as staging:
        folder = staging / "report"
        folder.mkdir()
        write_pages(folder, parts, manifest, data_dir)
    print(f"report of {manifest['loaded']:,} reviews: {data_dir}/report/index.html")
    if mlflow_uri:
        from common.report.tracking import log_run

        print(f"{log_run(mlflow_uri, data_dir, metrics)} runs logged to {mlflow_uri}")


if __name__ == "__main__":
    cli.run(main)
