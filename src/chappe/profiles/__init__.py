"""Profiles that are shipped: one TOML file each, which a settings file may name or stand on."""
