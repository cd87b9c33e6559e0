"""The web pages: what people see of the gateway, and the only place where they ask it for something with a mouse.

A process of its own with a database of its own for people, sessions and audit.  It reads the gateway's store and writes
instructions; it must never import what writes a store, nor a node.
"""
