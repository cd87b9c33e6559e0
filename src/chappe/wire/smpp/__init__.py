"""SMPP 3.3, 3.4 and 5.0: PDUs, framing and the session, without a socket or a clock."""
