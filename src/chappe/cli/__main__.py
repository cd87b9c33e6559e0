"""`python -m chappe.cli` is `chappe`, for processes that start one another without knowing the path of the script."""

from chappe.cli.main import main

if __name__ == "__main__":
    main()
