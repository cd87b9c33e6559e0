"""Django as the pages need it: no admin, one SQLite file, nothing from foreign hosts.

It must never be imported where another Django may live: `configure` is for a process of its own.
"""

import os
import secrets
from pathlib import Path
from typing import Any, Final

from chappe.frontend.terms import Terms

#: People, sessions and audit, and the key that signs cookies; both for the owner alone.
DATABASE_FILE: Final = "frontend.db"
KEY_FILE: Final = "frontend.key"

#: A session ends so long after its last request.
SESSION_S: Final = 8 * 3600
MIN_PASSWORD: Final = 12

_HERE: Final = Path(__file__).parent


def settings_of(terms: Terms) -> dict[str, Any]:
    """The settings of Django."""
    is_secure = bool(terms.proxy)
    return {
        "DEBUG": False,
        "SECRET_KEY": _key(terms.data_dir / KEY_FILE),
        "ALLOWED_HOSTS": [*_own_hosts(terms.host), *terms.hosts],
        "INSTALLED_APPS": [
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.humanize",
            "chappe.frontend.apps.FrontendConfig",
        ],
        "MIDDLEWARE": [
            "chappe.frontend.shield.Shield",
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.gzip.GZipMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django_htmx.middleware.HtmxMiddleware",
            "chappe.frontend.gate.Gate",
        ],
        "ROOT_URLCONF": "chappe.frontend.urls",
        "APPEND_SLASH": False,
        "TEMPLATES": [_templates()],
        "DATABASES": {"default": _database(terms.data_dir / DATABASE_FILE)},
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "AUTH_USER_MODEL": "frontend.Person",
        "AUTHENTICATION_BACKENDS": ["chappe.frontend.gate.Backend"],
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.Argon2PasswordHasher"],
        "AUTH_PASSWORD_VALIDATORS": [
            {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
            for name, options in (
                ("MinimumLengthValidator", {"min_length": MIN_PASSWORD}),
                ("CommonPasswordValidator", {}),
                ("NumericPasswordValidator", {}),
                ("UserAttributeSimilarityValidator", {"user_attributes": ("name", "client")}),
            )
        ],
        "SESSION_COOKIE_NAME": "chappe-session",
        "SESSION_COOKIE_AGE": SESSION_S,
        "SESSION_SAVE_EVERY_REQUEST": False,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": is_secure,
        "CSRF_COOKIE_NAME": "chappe-csrf",
        "CSRF_USE_SESSIONS": True,
        "CSRF_COOKIE_SECURE": is_secure,
        "CSRF_FAILURE_VIEW": "chappe.frontend.pages.faults.forged",
        "CSRF_TRUSTED_ORIGINS": [f"https://{each}" for each in terms.hosts] if is_secure else [],
        "MESSAGE_STORAGE": "django.contrib.messages.storage.session.SessionStorage",
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SECURE_REFERRER_POLICY": "same-origin",
        "SECURE_HSTS_SECONDS": 31_536_000 if is_secure else 0,
        "LOGIN_URL": "sign_in",
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
        "USE_I18N": False,
        "DATA_UPLOAD_MAX_MEMORY_SIZE": 2_000_000,
        "DATA_UPLOAD_MAX_NUMBER_FIELDS": 5_000,
        "LOGGING_CONFIG": None,
    }


def configure(terms: Terms) -> None:
    """Set Django up in this process and bring its database to the newest form."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    os.umask(0o077)
    settings.configure(**settings_of(terms))
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("clearsessions")


def _own_hosts(host: str) -> list[str]:
    here = ["localhost", "127.0.0.1", "[::1]"]
    if host in ("0.0.0.0", "::"):  # every address of this box: names must be told by the settings
        return here
    return [*here, f"[{host}]" if ":" in host else host]


def _templates() -> dict[str, Any]:
    return {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [str(_HERE / "templates")],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "chappe.frontend.static.urls_of_assets",
                "chappe.frontend.menu.menu",
            ],
            "builtins": ["chappe.frontend.filters", "django.contrib.humanize.templatetags.humanize"],
        },
    }


def _database(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON",
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
        },
    }


def _key(path: Path) -> str:
    """The key that signs cookies, made at the first start."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        draft.unlink()
    return path.read_text(encoding="ascii").strip()
