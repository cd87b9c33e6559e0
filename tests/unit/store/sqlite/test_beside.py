"""Processes beside the gateway end without a word when it is gone."""

import subprocess
import sys

ANSWERS = """
import os, sys
from chappe.store.sqlite.beside import ended_with_the_gateway
sys.stdin.readline()
with ended_with_the_gateway():
    sys.stdout.write("an answer")
    sys.stdout.flush()
"""


def test_a_process_whose_gateway_was_killed_ends_in_order_and_complains_of_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ANSWERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as beside:
        assert beside.stdout is not None
        beside.stdout.close()
        beside.stdout = None

        _, complaints = beside.communicate(b"a question\n", timeout=30)

    assert (beside.returncode, complaints) == (0, b"")


def test_an_interrupt_from_the_terminal_is_for_the_gateway_alone() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ANSWERS.replace("sys.stdout.write", "os.kill(os.getpid(), 2); sys.stdout.write")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as beside:
        answer, complaints = beside.communicate(b"a question\n", timeout=30)

    assert (beside.returncode, answer, complaints) == (0, b"an answer", b"")
