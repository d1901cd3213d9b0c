#!/usr/bin/env python
"""Run a command of the economy; ``--settings example_government.settings`` picks the government."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_economy.settings")
    execute_from_command_line(sys.argv)
