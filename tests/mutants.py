"""Change a room's code in many small ways, with mutmut, and count the changes its tests notice.

    python tests/mutants.py                  # all of ROOMS: hours
    python tests/mutants.py scores splits    # these

Prints what went unnoticed and writes docs/measurements/mutants.json. Texts are left as they are:
most are said to people. What mutmut leaves out is changed by its operators too, in a process each:
numbers of modules, and functions with decorators. Runs from the project's root, which gets a folder
mutants/ with the changed copy.
"""

import argparse
import fnmatch
import importlib.metadata
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import libcst as cst
from mutmut import __main__ as mutmut
from mutmut.configuration import config
from mutmut.mutation import file_mutation, mutators
from mutmut.mutation.pragma_handling import IgnoredCode
from mutmut.stats import status_by_exit_code

RESULTS = Path("docs/measurements/mutants.json")
SEED = 0  # of what is drawn
LIMIT = 600  # seconds of one change: what takes longer counts as noticed
# Of each room: its files, the tests that judge it, and how many changes are drawn (0: all).
ROOMS: dict[str, tuple[list[str], list[str], int]] = {
    "scores": (["common/scores.py"], ["tests/test_scores.py"], 0),
    "splits": (["common/features/splits.py"], ["tests/features/test_splits.py"], 0),
    "verdicts": (["common/metrics.py"], ["tests/test_metrics.py"], 0),
    **{
        f"02: {', '.join(files)}": (
            [f"common/eda/{name}.py" for name in files],
            [f"tests/eda/test_{name}.py" for name in tests],
            number,
        )
        for files, tests, number in [
            (("statistics",), ["statistics"], 0),
            (("health",), ["health"], 0),
            (("releases",), ["releases", "statistics"], 0),
            (("answers", "counts", "graph"), ["answers", "counts", "eda"], 150),
            (("complaints", "recount"), ["groups", "complaints"], 100),
            (("terms", "words"), ["counts", "groups", "terms"], 60),
        ]
    },
}
SPLIT = ["descent", "describe", "fitting", "ngram_files", "ngrams", "passes", "reading", "scorers"]
LOADING = ["columns", "convert", "csv_blocks", "csv_records", "fields", "ids", "inspection"]
LOADING += ["loader", "losses", "records", "sources", "times"]
TRAINING = ["batches", "launch", "ranks", "step_profile", "trainer"]
REPORT = ["findings", "formats", "model_tables", "scaling", "speed_tables", "summary"]
for room, names, tests, number in [
    ("features", [*SPLIT, "transformer"], ["features"], 60),
    ("loading", LOADING, ["loading"], 60),
    ("models", ["cards", "evaluation"], ["models/test_cards.py", "models/test_judging.py"], 120),
    ("training", TRAINING, ["training/test_train.py"], 40),
    (
        "report",
        REPORT,
        [
            f"report/test_{n}.py"
            for n in ["findings", "launches", "summary", "tables", "model_tables", "speed"]
        ],
        60,
    ),
]:
    ROOMS[room] = (
        [f"common/{room}/{name}.py" for name in names],
        [f"tests/{name}" for name in tests],
        number,
    )
# Tests that take long, or launch processes: they say less of a small change than others of a room.
SLOW = [
    "hold_the_difference",
    "95_of_100",
    "hold_95",
    "real",
    "quiet_sets",
    "way_that_fails",
    "peak_memory",
    "planted",
]
SLOW += ["synthetic", "beside_a_bad", "601", "before_and_after_stays", "every_scheduler"]
SLOW += [
    "takes_time",
    "opens_with",
    "every_dialect",
    "lose_no_byte",
    "newest_loadable",
    "compare_times",
    "kaggle",
    "every_tool",
    "losses_agree",
    "shards_the_state",
]
SLOW += ["figures_and_profiles", "scaling_study", "saved_model_predicts", "killed_rank"]
SLOW += ["other_ranks", "half_precision", "no_strategy", "failing_rank"]
LEFT_OUT = " and ".join(f"not {word}" for word in SLOW)

Unnoticed = dict[str, str]  # {mutant: its difference}


class Beside(file_mutation.MutationVisitor):
    """Sees functions with decorators too, which mutmut leaves out."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        return not isinstance(node, cst.FunctionDef) and super()._skip_node_and_children(node)


def beside(path: str) -> Iterator[tuple[str, str]]:
    """The changes of a file that mutmut leaves out: (difference, changed code)."""
    code = Path(path).read_text(encoding="utf-8")
    wrapper = cst.metadata.MetadataWrapper(cst.parse_module(code))
    visitor = Beside(mutators.mutation_operators, IgnoredCode(set(), set(), set()))
    wrapper.visit(visitor)
    for change in visitor.mutations:
        function = change.contained_by_top_level_function
        is_function = isinstance(function, cst.FunctionDef)
        if is_function != bool(getattr(function, "decorators", ())):
            continue
        if not is_function and isinstance(change.original_node, cst.Assign | cst.AnnAssign):
            continue  # names of types, as a rule
        changed = wrapper.module.deep_replace(change.original_node, change.mutated_node).code
        yield difference(code, changed), changed


def difference(before: str, after: str) -> str:
    old, new = before.splitlines(), after.splitlines()
    return "\n".join(
        [f"- {line.strip()}" for line in old if line not in new]
        + [f"+ {line.strip()}" for line in new if line not in old]
    )


def passes(tests: list[str], change: str = "") -> bool:
    """Whether the tests pass on the code under mutants/, in a process that knows none of it yet.

    change: the one of mutmut's that is switched on.
    """
    process = os.fork()
    if process == 0:
        os.setpgrp()
        signal.alarm(LIMIT)
        sys.dont_write_bytecode = True
        os.environ["MUTANT_UNDER_TEST"] = change
        os.chdir("mutants")
        sys.path.insert(0, os.getcwd())
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        import pytest

        os._exit(int(pytest.main(["-x", "-q", *config().pytest_add_cli_args, *tests])))
    return os.waitpid(process, 0)[1] == 0


def set_up(files: list[str], tests: list[str]) -> list[str]:
    """mutants/ with the code and its changes; returns their names."""
    settings = config()
    settings.only_mutate = files
    settings.also_copy = [
        Path(name) for name in os.listdir() if name not in ("common", "mutants", ".git", ".venv")
    ]
    settings.pytest_add_cli_args_test_selection = [*tests, "-k", LEFT_OUT]
    settings.pytest_add_cli_args += ["--hypothesis-profile", "mutants"]
    shutil.rmtree("mutants", ignore_errors=True)
    Path("mutants").mkdir()
    with mutmut.CatchOutput():
        mutmut.copy_src_dir()
        mutmut.copy_also_copy_files()
        mutmut.create_mutants(1)
    return [name for _, name, _ in mutmut.collect_source_file_mutation_data(mutant_names=())[0]]


def try_room(room: str) -> dict[str, object]:
    """Counts of a room's changes, by files, and those that went unnoticed."""
    files, tests, number = ROOMS[room]
    names = set_up(files, tests)
    apart = [
        (path, *change)
        for path in map(str, sorted(Path("common").rglob("*.py")))
        if any(fnmatch.fnmatch(path, pattern) for pattern in files)
        for change in beside(path)
    ]
    total = len(names) + len(apart)
    chance = random.Random(SEED)
    if number and number < total:
        drawn = sorted(chance.sample(range(total), number))
        apart = [apart[place - len(names)] for place in drawn if place >= len(names)]
        names = [names[place] for place in drawn if place < len(names)]
    began, unnoticed = time.monotonic(), {}
    for place, (path, what, code) in enumerate(apart):
        before = Path("mutants", path).read_bytes()
        Path("mutants", path).write_text(code, encoding="utf-8")
        if passes([*tests, "-k", LEFT_OUT]):
            unnoticed[f"{path} {place}"] = what
        Path("mutants", path).write_bytes(before)
    mutmut._run(names, 1)
    outcomes = mutmut.collect_source_file_mutation_data(mutant_names=names)[0]
    for data, name, code in outcomes:
        # mutmut knows code that a shared fixture runs by the first test that asks for it, and runs
        # that one alone, for seconds: what it leaves is for all tests.
        left = status_by_exit_code[code] != "killed"
        if left and passes([*tests, "-k", LEFT_OUT], name):
            lines = mutmut.get_diff_for_mutant(name, path=data.path).splitlines()[2:]
            unnoticed[name] = "\n".join(line for line in lines if line[:1] in "+-")
    return {
        "files": files,
        "changes": total,
        "tried": len(apart) + len(names),
        "noticed": len(apart) + len(names) - len(unnoticed),
        "seconds": round(time.monotonic() - began),
        "unnoticed": unnoticed,
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rooms", nargs="*", help=f"of {', '.join(ROOMS)}")
    rooms = parser.parse_args(argv).rooms or list(ROOMS)
    # Imported once, here: none of them imports the code that is changed.
    for name in ("dask.dataframe", "distributed", "scipy.stats", "sklearn.metrics"):
        __import__(name)
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]  # what fails need not be short
    hypothesis.settings.register_profile("mutants", derandomize=True, database=None, phases=phases)
    mutators.mutation_operators.remove((cst.BaseString, mutators.operator_string))
    for room in rooms:
        found = try_room(room)
        describe = ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
        found["commit"] = subprocess.check_output(describe, text=True).strip()
        found["tool"] = f"mutmut {importlib.metadata.version('mutmut')}"
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        results[room] = found
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        print(f"\n{room}: {found['noticed']} of {found['tried']} noticed")
        for name, what in found["unnoticed"].items():
            print(f"{name}\n{what}")


if __name__ == "__main__":
    main()
