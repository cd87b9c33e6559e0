"""The one Django app there is."""

from django.apps import AppConfig


class FrontendConfig(AppConfig):
    """People, sessions and audit."""

    name = "chappe.frontend"
    label = "frontend"
    default_auto_field = "django.db.models.BigAutoField"
