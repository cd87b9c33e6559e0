"""The APIs that a simulated HTTP operator can have the shape of, by name."""

from collections.abc import Mapping
from typing import Final

from chappe.sim.http_clouds import Infobip, Twilio, Vonage
from chappe.sim.http_gateways import Jasmin, Kannel
from chappe.sim.http_shape import Shape

SHAPES: Final[Mapping[str, Shape]] = {
    "kannel": Kannel(),
    "jasmin": Jasmin(),
    "twilio": Twilio(),
    "vonage": Vonage(),
    "infobip": Infobip(),
}
