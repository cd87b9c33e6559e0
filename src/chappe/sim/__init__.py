"""Simulated neighbours of a gateway: an SMSC with faults, clients, their ledgers and the comparison of these."""
