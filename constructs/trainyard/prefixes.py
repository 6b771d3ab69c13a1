"""Where things lie in the buckets: the folders that every team has.

| bucket | folder | what for |
|---|---|---|
| datasets | TEAM/train/, TEAM/validation/, TEAM/test/ | the splits that jobs read |
| datasets | TEAM/DATASET/ | a dataset of the environment file, which other teams may be let into |
| artifacts | TEAM/models/ | trained models |
| artifacts | TEAM/checkpoints/ | what a job needs to go on after it was stopped |
| artifacts | TEAM/code/ | source, and TEAM/code/packages/ the requirements and wheels of its notebooks |
| artifacts | TEAM/output/ | everything else that jobs write |
| artifacts | mlflow/ | artifacts of experiments |
"""

DATASET_SPLITS = ("train", "validation", "test")
ARTIFACT_FOLDERS = ("models", "checkpoints", "code", "output")

MLFLOW = "mlflow"
"""Lies beside the teams' folders, so no team may be called so."""


def packages(team: str) -> str:
    """Where a team's notebooks find requirements.txt and wheels/."""
    return f"{team}/code/packages"


def output(team: str) -> str:
    """Where jobs of a team write, and its notebooks their backups."""
    return f"{team}/output"


def dataset(team: str, name: str) -> str:
    """Where a dataset lies."""
    return f"{team}/{name}"
