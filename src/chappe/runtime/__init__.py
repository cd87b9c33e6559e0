"""What every node needs to run: settings, clock, supervisor, batching, throttles.  It knows no place by name."""
