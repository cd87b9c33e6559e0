"""How long a session waits for what.  SMPP 3.4 §7.2 names the timers; the defaults are those seen in the field."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """All in seconds; 0 turns any but `response_s` off."""

    #: From the connection to the bind.
    session_init_s: float = 10.0
    #: Silence of the peer before it is probed.
    enquire_link_s: float = 30.0
    #: Time without any message before the session unbinds.
    inactivity_s: float = 0.0
    #: From a request to its response.
    response_s: float = 30.0


DEFAULT_TIMERS = Timers()
