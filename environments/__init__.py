"""The environment files and the model that reads them."""

from environments.loading import load
from environments.model import Environment
from environments.problems import EnvironmentFileError

__all__ = ["Environment", "EnvironmentFileError", "load"]
