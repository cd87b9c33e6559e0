import resource

from chappe.runtime import open_files


def test_all_that_the_system_grants_may_be_open() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        assert open_files.limit() == 256

        granted = open_files.raise_limit()

        assert granted == open_files.limit() > 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
