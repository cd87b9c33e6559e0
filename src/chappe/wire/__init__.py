"""The protocols of others, sans-IO: octets and `now` come in, facts and octets go out."""
