"""Imports every module of the packages named: what a locked image lacks, or its user may not read, fails here."""

import importlib
import pkgutil
import sys

for package in sys.argv[1:]:
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
