"""Sphinx builds the documentation: sphinx-build -W docs docs/_build"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

import chunnel  # noqa: E402

project = "Chunnel"
author = "the maintainers of Chunnel"
copyright = "2026, the maintainers of Chunnel"
release = version = chunnel.__version__

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build", "howto/examples"]
html_theme = "furo"
html_title = "Chunnel"
html_static_path = ["_static"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
nitpicky = False
