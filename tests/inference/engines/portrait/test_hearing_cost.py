"""What hearing takes of the whole machine: its own thread's time, and no other's."""

from __future__ import annotations

import subprocess
import sys

from tests.paths import ROOT

MEASURE = """
import time
import numpy as np
import app
from app.inference.engines.portrait.viseme_driver import load_net
from app.inference.engines.portrait.viseme_net import NET_WEIGHTS, SPAN
net, mel = load_net(NET_WEIGHTS), np.zeros((80, SPAN.columns), np.float32)
net.hear(mel, (16, 13, 10))
process, thread = time.process_time(), time.thread_time()
for _ in range(200):
    net.hear(mel, (16, 13, 10))
    time.sleep(0.001)
print((time.process_time() - process) / (time.thread_time() - thread))
"""


def test_no_other_thread_works_or_waits_for_what_one_hears() -> None:
    told = subprocess.run([sys.executable, "-c", MEASURE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(told.stdout) < 1.2
