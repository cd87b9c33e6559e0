"""A load run: both simulators in processes of their own; here the client meets the SMSC without a gateway between."""

import json
import os
from pathlib import Path

import pytest

from chappe.model.errors import ResourceError
from chappe.sim import load
from chappe.sim.ledger import Kind, read
from chappe.sim.load import run_load
from chappe.sim.options import ClientOptions, LoadOptions, SmscOptions


def test_a_load_run_measures_and_accounts_for_every_life(tmp_path: Path, unused_port: int) -> None:
    options = LoadOptions(
        smsc=SmscOptions(port=unused_port),
        client=ClientOptions(port=unused_port, count=500),
        operator_binds=0,
        pids=(os.getpid(),),
        folder=str(tmp_path),
    )

    result = run_load(options)

    assert (result.lives, result.account.final, result.account.is_clean) == (500, 500, True)
    assert result.latency.life.count == 500
    assert 0 < result.latency.response.p50_ms <= result.latency.response.max_ms
    assert result.lives_per_s > 0
    assert result.rss_peak_mib is not None
    assert result.rss_peak_mib > 1
    assert sum(entry.kind is Kind.SUBMIT for entry in read(tmp_path / "smsc.csv")) == 500
    told = json.loads(result.as_json())
    assert told["account"]["is_clean"] is True
    assert "500 lives in" in result.as_text()


def test_a_gateway_that_never_binds_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_BIND_PATIENCE_S", 0.2)

    with pytest.raises(ResourceError, match="the gateway did not bind 1 times"):
        run_load(LoadOptions(smsc=SmscOptions(), client=ClientOptions(count=1)))
