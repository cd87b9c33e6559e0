"""UCP/EMI, sans-IO: frames, operations, results, user data, the session."""
