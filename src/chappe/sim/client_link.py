"""One connection of a simulated client: moves octets between the socket and an SMPP session, and strikes link faults.

It must never know why a message is sent: jobs come from the client and go back to it with their answers.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from chappe.sim.faults import LinkFault
from chappe.sim.jobs import Job
from chappe.sim.smsc_link import RESET_ON_CLOSE
from chappe.wire.smpp.facts import BindRefused, Bound, Fact, Over, Request, Response, Unanswered, Unbound
from chappe.wire.smpp.pdus import Bind
from chappe.wire.smpp.session import Role, Session, Timers
from chappe.wire.smpp.states import BOUND

if TYPE_CHECKING:
    from chappe.sim.client import ClientSimulator
