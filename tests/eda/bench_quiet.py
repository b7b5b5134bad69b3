"""How often 02 calls something where nothing happens, and finds what was planted.

    PYTHONPATH=.:tests/eda python tests/eda/bench_quiet.py --sets 100 --out quiet.jsonl

Quiet sets are 15,000 synthetic reviews since a day after which nothing happens; their seeds differ,
and so does that day. Prints, and writes as rows of metrics, in how many of the sets a break, a
release and a new term were called; and of planted sets, in how many what was planted was found.
"""

import argparse
import json
import tempfile
from pathlib import Path

from making import synthetic

DAYS = ["2023-03-15", "2023-04-10", "2023-05-01"]  # all before what is planted
FINDINGS = {
    "break": lambda t: len(t["periods"]) > 1,
    "release": lambda t: t["releases"]["stands_out"].any(),
    "complaint": lambda t: len(t["new_terms"]) > 0,
}
PLANTED = {
    "break": lambda t: "2023-06-20" in set(t["periods"]["first_day"].astype(str)),
    "release": lambda t: "8.80" in set(t["releases"].query("stands_out")["release"]),
    "complaint": lambda t: "captcha" in set(t["new_terms"]["term"]),
}


def tables(seed, planted=()):
    with tempfile.TemporaryDirectory() as folder:
        return synthetic(Path(folder), seed, planted, since=DAYS[seed % len(DAYS)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    quiet = [tables(seed) for seed in range(args.sets)]
    counts = {f"quiet.{name}": sum(map(found, quiet)) for name, found in FINDINGS.items()}
    for name, found in PLANTED.items():
        counts[f"planted.{name}"] = sum(
            found(tables(seed, [name])) for seed in range(args.sets // 5)
        )
    rows = [
        {
            "step": "quiet_sets",
            "name": name,
            "value": int(value),
            "unit": "sets",
            "labels": {"sets": args.sets if name.startswith("quiet") else args.sets // 5},
        }
        for name, value in counts.items()
    ]
    for row in rows:
        print(f"{row['name']}: {row['value']} of {row['labels']['sets']}")
    if args.out:
        args.out.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
