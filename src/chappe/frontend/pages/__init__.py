"""The views, a file for each place of the menu."""
