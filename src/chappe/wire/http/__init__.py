"""The HTTP API as shapes: what bodies clients may send, what answers and problems look like.  No socket, no model."""
