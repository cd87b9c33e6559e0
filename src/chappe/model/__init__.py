"""What travels: messages, addresses, events, ids, and the errors.  It knows nothing but itself."""
