"""How many files and connections the process may have open: all that its system grants.

It must never know who opens them.
"""

import resource


def raise_limit() -> int:
    """Lift the soft limit to the hard one; returns how many may be open from now on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            # Some systems say "unlimited" and then grant less: what there is must do.
            return soft
    return limit()


def limit() -> int:
    """How many may be open now."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft
