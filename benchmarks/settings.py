"""The project that is measured. The database is a file that the benchmark names."""

import os

SECRET_KEY = "for benchmarks only"
USE_TZ = True
INSTALLED_APPS = ["chunnel", "benchmarks.work"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("BENCHMARK_DATABASE", ":memory:"),
        "CONN_MAX_AGE": int(os.environ.get("BENCHMARK_CONN_MAX_AGE", "60")),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL",
        },
    }
}
CHUNNEL_SERVER = {"NAME": "benchmarks"}
CHUNNEL_REMOTES = {"measured": os.environ.get("BENCHMARK_REMOTE", "zmq://127.0.0.1:7070")}
