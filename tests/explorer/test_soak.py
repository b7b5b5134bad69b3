"""Many visitors at once type reviews into the explorer: no error, all answered, memory that stays.

    SOAK_SESSIONS=20 SOAK_SECONDS=300 SOAK_DATA=data python -m pytest tests/explorer/test_soak.py -s

Each visitor is a websocket that speaks Streamlit's messages, as a browser would: a review is
typed, and answered when the page's script has finished.
"""

import asyncio
import os
import random
import time

import numpy as np
import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.util import calc_hash
from test_app import serving
from tornado.websocket import websocket_connect

SESSIONS, SECONDS, PAUSE = (
    int(os.environ.get("SOAK_SESSIONS", 4)),
    float(os.environ.get("SOAK_SECONDS", 8)),
    10.0,
)
WORDS = ["great", "bad", "crash", "price", "show", "love", "update", "broken", "not", "subtitles"]


class Visitor:
    """One session on the page Score."""

    async def arrive(self, port):
        self.socket = await websocket_connect(
            f"ws://localhost:{port}/_stcore/stream", subprotocols=["streamlit"]
        )
        self.ids, self.errors, self.asked = {}, 0, BackMsg()
        self.asked.rerun_script.page_script_hash = calc_hash("score")
        await self.complete()
        return self

    async def complete(self):
        """Ask, and read what the server sends until its script has finished."""
        await self.socket.write_message(self.asked.SerializeToString(), binary=True)
        self.probability = None
        while True:
            message = ForwardMsg()
            message.ParseFromString(await self.socket.read_message())
            if message.WhichOneof("type") == "delta":
                element = message.delta.new_element
                kind = element.WhichOneof("type")
                self.errors += (
                    kind in ("exception", "alert") and "synthetic" not in element.alert.body
                )
                if kind == "text_area":
                    self.ids["text"] = element.text_area.id
                if kind == "metric" and "Probability" in element.metric.label:
                    self.probability = element.metric.body
            elif message.WhichOneof("type") == "script_finished":
                assert message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY, message
                return

    async def answer(self, text):
        """Type a review; returns the seconds until its page is complete."""
        states = self.asked.rerun_script.widget_states
        del states.widgets[:]
        states.widgets.add(id=self.ids["text"], string_value=text)
        started = time.perf_counter()
        await self.complete()
        assert self.probability is not None
        assert self.probability.endswith("%")
        return time.perf_counter() - started

    async def stay(self, until, seed):
        draw, seconds = random.Random(seed), []
        while time.monotonic() < until:
            seconds.append(await self.answer(" ".join(draw.choices(WORDS, k=draw.randint(1, 20)))))
            await asyncio.sleep(
                draw.uniform(0, 2 * PAUSE if SECONDS > 60 else 1)
            )  # a person writes, reads and thinks
        self.socket.close()
        return seconds


async def soak(port, server):
    visitors = []
    for _ in range(SESSIONS):
        visitors.append(await Visitor().arrive(port))
    memory, until = [], time.monotonic() + SECONDS

    async def watch():
        while time.monotonic() < until:
            memory.append(server.memory_info().rss)
            await asyncio.sleep(SECONDS / 40)

    answered, _ = await asyncio.gather(
        asyncio.gather(*(visitor.stay(until, seed) for seed, visitor in enumerate(visitors))),
        watch(),
    )
    return np.concatenate(answered), np.array(memory), sum(visitor.errors for visitor in visitors)


def test_visitors_at_once_are_all_answered(request):
    with serving(os.environ.get("SOAK_DATA") or request.getfixturevalue("pipeline")) as address:
        port = address.rsplit(":", 1)[1]
        server = next(
            process for process in psutil.Process().children() if port in process.cmdline()
        )
        seconds, memory, errors = asyncio.run(soak(port, server))
    half = len(memory) // 2
    median, slow = 1000 * np.percentile(seconds, [50, 95])
    early, late = memory[:half].max(), memory[half:].max()
    print(
        f"{SESSIONS} sessions, {SECONDS:.0f} s: {len(seconds)} reviews, median {median:.0f} ms, "
        f"95th percentile {slow:.0f} ms, {errors} errors, memory {early / 1e6:.0f} MB, then "
        f"{late / 1e6:.0f} MB"
    )
    assert errors == 0
    assert len(seconds) >= SESSIONS
    assert late < 1.1 * early, "memory grows"
