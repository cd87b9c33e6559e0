"""Settings as nodes take them."""

import pytest

from chappe.node_terms import callback_terms_of
from chappe.runtime.settings_callbacks import ClientCallback
from chappe.runtime.settings_client_doors import ClientHttp
from chappe.runtime.settings_clients import Client


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_url_of_the_settings_opens_its_own_port_of_the_house_and_no_other(host: str) -> None:
    callback = ClientCallback(url=f"http://{host}:8081/chappe", status_url=f"http://{host}/status")
    terms = callback_terms_of(Client(name="acme", http=ClientHttp(token="t"), callback=callback))
    assert terms is not None

    ports = [port for port in (80, 443, 8000, 8081, 9100) if terms.may_lead_home(host.strip("[]"), port)]

    assert ports == [80, 8081]
    assert not terms.may_lead_home("10.0.0.1", 8081)
