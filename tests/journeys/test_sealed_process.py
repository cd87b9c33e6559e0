"""A gateway with a secret key in a terminal: started, changed, started again, and with wrong keys."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ports import free_port

SETTINGS = """
[gateway]
data_dir = "{folder}/data"
drain_s = 1
[listen]
smpp = "127.0.0.1:{smpp}"
http = "127.0.0.1:{http}"
metrics = "127.0.0.1:{metrics}"
frontend = "off"
[[operators]]
name = "three"
address = "127.0.0.1:{nobody}"
system_id = "chappe"
password = "first-pw"
[[routes]]
direction = "mt"
operators = ["three"]
"""
PATIENCE_S = 120.0


class Terminal:
    """Commands in one folder, with the key of one file, or none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "good.key").write_text("5bd15bd15bd15bd15bd15bd15bd15bd1\n")
        (folder / "other.key").write_text("77aa77aa77aa77aa77aa77aa77aa77aa\n")
        ports = {each: free_port() for each in ("smpp", "http", "metrics", "nobody")}
        self.metrics = ports["metrics"]
        (folder / "chappe.toml").write_text(SETTINGS.format(folder=folder, **ports), encoding="utf-8")

    def _environment(self, key: str) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("CHAPPE_SECRET_KEY")}
        return plain | ({"CHAPPE_SECRET_KEY_FILE": str(self.folder / key)} if key else {})

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "chappe.cli", *words, "--config", str(self.folder / "chappe.toml")]

    def _is_ready(self) -> bool:
        try:
            return bool(urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/readyz", timeout=5).status == 200)
        except OSError:
            return False

    def run(self, *words: str, key: str = "good.key") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*words),
            env=self._environment(key),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def fault(self, *words: str, key: str) -> str:
        """The one line that a command ends with."""
        ended = self.run(*words, key=key)
        assert ended.returncode == 1, ended
        assert len(ended.stderr.splitlines()) == 1, ended.stderr
        return ended.stderr

    @contextmanager
    def gateway(self) -> Iterator[None]:
        process = subprocess.Popen(
            self._command("up"), env=self._environment("good.key"), cwd=self.folder, stdout=subprocess.DEVNULL
        )
        try:
            until = time.monotonic() + PATIENCE_S
            while not self._is_ready():
                time.sleep(0.1)
                assert process.poll() is None, "it ended"
                assert time.monotonic() < until, "it did not start"
            yield
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def test_a_key_seals_what_is_stored_and_who_has_not_got_it_is_told_so(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    file = tmp_path / "chappe.toml"
    with terminal.gateway():
        file.write_text(file.read_text().replace("first-pw", "second-p"))
        assert terminal.run("conf", "apply", str(file)).returncode == 0
        other = terminal.fault("instruct", "pause_operator", "three", key="other.key")
        assert (
            "it is sealed with another key than CHAPPE_SECRET_KEY has; gateway and commands need the same key" in other
        )
    stored = [each.read_bytes() for each in (tmp_path / "data").rglob("*") if each.is_file()]
    assert not any(secret in octets for octets in stored for secret in (b"first-pw", b"second-p"))

    assert "version 2 of the configuration is sealed: set CHAPPE_SECRET_KEY or" in terminal.fault("up", key="")
    assert "version 2 of the configuration is sealed with another key" in terminal.fault("up", key="other.key")
    missing = terminal.fault("up", key="missing.key")
    assert missing.endswith("missing.key cannot be read: No such file or directory\n")

    with terminal.gateway():
        shown = terminal.run("conf", "versions", "--json")
        assert '"version": 2' in shown.stdout
        assert '"version": 3' not in shown.stdout
