"""What ranks did when, from planted traces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.training.timeline import (
    PARTS,
    POINTS,
    Timeline,
    compute_seconds,
    lanes,
    shares,
    timeline,
)


def span(name, cat, start, end):
    return {"ph": "X", "name": name, "cat": cat, "ts": start, "dur": end - start}


STEPS = [
    span("ProfilerStep#2", "user_annotation", 1000, 2000),
    span("ProfilerStep#3", "user_annotation", 2000, 3000),
]
EVENTS = [
    *STEPS,
    span("data", "user_annotation", 1000, 1200),
    span("aten::copy_", "cpu_op", 1100, 1150),
    span("aten::mm", "cpu_op", 1200, 2000),
    span("gloo:all_reduce", "cpu_op", 1900, 2400),
    span("aten::mm", "cpu_op", 2500, 2600),
    span("aten::mm", "cpu_op", 100, 900),
    span("aten::mm", "cpu_op", 3000, 9000),
]


def test_shares_count_each_moment_once():
    found = shares(timeline({"traceEvents": EVENTS}).parts)
    assert found == pytest.approx(
        {"compute": 0.45, "communication": 0.2, "data": 0.1, "idle": 0.25}, abs=1e-3
    )


def test_seconds_of_compute_are_of_each_step():
    assert compute_seconds(timeline({"traceEvents": EVENTS})) == pytest.approx([8e-4, 1e-4])


def test_on_a_gpu_kernels_are_the_computing():
    events = [*STEPS, span("aten::mm", "cpu_op", 1000, 3000), span("gemm", "kernel", 1500, 2000)]
    events.append(span("ncclAllReduce", "kernel", 2000, 2250))
    found = shares(timeline({"traceEvents": events}).parts)
    assert found == {"data": 0, "compute": 0.25, "communication": 0.125, "idle": 0.625}


def test_lanes_lie_on_one_clock():
    late = [event | {"ts": event["ts"] - 500} for event in EVENTS]
    ranks = {
        0: timeline({"traceEvents": EVENTS, "baseTimeNanoseconds": 10**18}),
        1: timeline({"traceEvents": late, "baseTimeNanoseconds": 10**18 + 10**6}),
    }
    table = lanes(ranks)
    seen = [(row.rank, row.part, row.start, row.end) for row in table.itertuples()]
    expected = []
    for rank, shift in ((0, 0.0), (1, 0.5)):
        for part, start, end in (
            ("data", 0, 0.2),
            ("compute", 0.2, 1),
            ("communication", 1, 1.4),
            ("idle", 1.4, 1.5),
            ("compute", 1.5, 1.6),
            ("idle", 1.6, 2),
        ):
            expected.append((rank, part, start + shift, end + shift))
    assert [row[:2] for row in seen] == [row[:2] for row in expected]
    for row, right in zip(seen, expected):
        assert row[2:] == pytest.approx(right[2:], abs=0.005)  # a point


segments = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3000)), min_size=1, max_size=30)


@settings(deadline=None, max_examples=25)
@given(segments, segments, st.integers(0, 20_000))
def test_lanes_cover_each_rank_without_gaps(first, second, later):
    ranks = {
        rank: Timeline(float(start), np.repeat(*zip(*one)).astype(np.uint8), [])
        for rank, one, start in ((0, first, 0), (1, second, later))
    }
    table = lanes(ranks)
    every = max(len(ranks[0].parts), later + len(ranks[1].parts)) // POINTS + 1
    for rank, line in ranks.items():
        own = table[table["rank"] == rank]
        assert own["start"].iloc[0] == pytest.approx(line.start / 1e3)
        assert own["end"].iloc[-1] == pytest.approx((line.start + len(line.parts)) / 1e3)
        assert own["end"].iloc[:-1].tolist() == pytest.approx(own["start"].iloc[1:].tolist())
        assert (own["part"].iloc[:-1].to_numpy() != own["part"].iloc[1:].to_numpy()).all()
        for moment in range(0, len(line.parts), every):  # brute force
            at = (line.start + moment + 0.5) / 1e3
            (lane,) = own.loc[(own["start"] < at) & (at < own["end"]), "part"]
            assert lane == PARTS[line.parts[moment]]
