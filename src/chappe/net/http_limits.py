"""What one peer, and all together, may ask of an HTTP server.  Times are seconds."""

#: Connections that are open at the same time; further ones are closed at once.
MAX_CONNECTIONS = 20_000
#: Longest head of a request, its target and its headers together, in octets.
MAX_HEAD = 16 * 1024
MAX_HEADERS = 128
#: Longest body; 10,000 messages of several parts fit.
MAX_BODY = 16 * 1024 * 1024
#: Octets of all bodies that are being read, those up to `SMALL_BODY` aside.
MAX_BODIES = 256 * 1024 * 1024
SMALL_BODY = 64 * 1024
#: How long a request may take from its first octet (or the connection's first moment) to the end of its headers.
HEADERS_WITHIN_S = 10.0
#: How long a body may take, and how long a peer may leave answers unread.
BODY_WITHIN_S = 30.0
#: How long a connection may stay without a request.
KEEP_ALIVE_S = 75.0
#: How long what remains of a refused body is read, for the client to find the answer.
LINGER_S = 2.0
#: How long answers that are under way have when the server closes.
CLOSE_WITHIN_S = 1.0
#: Octets of answers that a peer may leave unread before its next request waits.
MAX_UNREAD = 256 * 1024
#: How often connections are looked at for one whose patience is over.
LOOK_EVERY_S = 1.0
BACKLOG = 4096
