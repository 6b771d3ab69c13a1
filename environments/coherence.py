"""What one part of an environment file says of another, and whether that is so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from environments.fields import repeated
from environments.problems import Path, Problem, shown
from trainyard.bucket_limits import MAX_FOLDER_KEYS
from trainyard.endpoint_services import Feature
from trainyard.prefixes import MLFLOW

if TYPE_CHECKING:
    from environments.model import Environment


MAX_FILE_SYSTEMS = 10
"""Of one user profile (botocore, UserSettings.CustomFileSystemConfigs)."""
MAX_EFS_FILE_SYSTEMS = 10
"""That the notebook instances of one team mount."""


def misfits(environment: Environment) -> Iterator[Problem]:
    """Every place where two parts do not fit together."""
    for rule in (
        *(_names, _teams_known, _limits_kept, _datasets_known, _features_on, _zones_known, _sign_in),
        _default_type_allowed,
    ):
        yield from rule(environment)


def share_identifier(team: str) -> str:
    """A team as Batch's fair-share policy knows it: letters and digits alone."""
    return team.replace("-", "")


def _names(environment: Environment) -> Iterator[Problem]:
    teams = environment.teams
    yield from repeated(("teams", "*", "name"), (team.name for team in teams))
    seen: dict[str, str] = {}
    for index, team in enumerate(teams):
        other = seen.setdefault(share_identifier(team.name), team.name)
        if other != team.name:
            rule = f"must differ from {other} in more than hyphens: Batch knows teams without them"
            yield Problem(("teams", index, "name"), shown(team.name), rule)
        for longer in teams:
            if longer.name.startswith(f"{team.name}-"):
                rule = f"must not begin {longer.name}: jobs are known as a team's by how their names begin"
                yield Problem(("teams", index, "name"), shown(team.name), rule)
        if team.name == MLFLOW:
            yield Problem(("teams", index, "name"), shown(team.name), "must not be the folder of experiments")
    members = [(t, m, member.name) for t, team in enumerate(teams) for m, member in enumerate(team.members)]
    for problem in repeated(("*",), (name for _, _, name in members)):
        team_index, member_index, _ = members[int(problem.path[0])]
        yield problem._replace(path=("teams", team_index, "members", member_index, "name"))
    yield from repeated(("datasets", "*", "name"), (dataset.name for dataset in environment.datasets))
    yield from repeated(("lustre", "*", "name"), (each.name for each in environment.lustre))
    yield from repeated(("efs", "*", "name"), (each.name for each in environment.efs))


def _teams_known(environment: Environment) -> Iterator[Problem]:
    named: list[tuple[Path, str]] = []
    for index, dataset in enumerate(environment.datasets):
        named.append((("datasets", index, "team"), dataset.team))
        named += [(("datasets", index, "read_by", at), name) for at, name in enumerate(dataset.read_by)]
        for problem in repeated(("datasets", index, "read_by", "*"), (dataset.team, *dataset.read_by)):
            at = int(problem.path[-1]) - 1
            yield problem._replace(path=("datasets", index, "read_by", at), rule="must be a team that is not in yet")
    for index, file_system in enumerate(environment.lustre):
        named += [(("lustre", index, "teams", at), name) for at, name in enumerate(file_system.teams)]
    for index, efs in enumerate(environment.efs):
        named += [(("efs", index, "teams", at), name) for at, name in enumerate(efs.teams)]
    known = dict.fromkeys(team.name for team in environment.teams)
    for path, name in named:
        if name not in known:
            yield Problem(path, shown(name), f"must be one of the teams: {', '.join(known) or 'there is none'}")


def _limits_kept(environment: Environment) -> Iterator[Problem]:
    own_keys = sum(team.own_key for team in environment.teams)
    if own_keys > MAX_FOLDER_KEYS:
        rule = f"must be at most {MAX_FOLDER_KEYS}: the policies of the buckets have room for no more"
        yield Problem(("teams",), f"{own_keys} with a key of their own", rule)
    for team in environment.teams:
        for name, used, most, why in (
            ("lustre", environment.file_systems_of(team), MAX_FILE_SYSTEMS, "a user profile takes no more"),
            ("efs", environment.efs_of(team), MAX_EFS_FILE_SYSTEMS, "a lifecycle script must stay short"),
        ):
            if len(used) > most:
                yield Problem((name,), f"{len(used)} for {team.name}", f"must be at most {most}: {why}")


def _datasets_known(environment: Environment) -> Iterator[Problem]:
    """A file system shows its datasets to all its teams, so each of them must be allowed to see them."""
    has_own_key = {team.name: team.own_key for team in reversed(environment.teams)}
    datasets = {dataset.name: dataset for dataset in reversed(environment.datasets)}
    for index, file_system in enumerate(environment.lustre):
        for at, association in enumerate(file_system.data_repository_associations):
            path = ("lustre", index, "data_repository_associations", at)
            dataset = datasets.get(association.dataset)
            if dataset is None:
                rule = f"must be one of the datasets: {', '.join(reversed(datasets)) or 'there is none'}"
                yield Problem((*path, "dataset"), shown(association.dataset), rule)
                continue
            strangers = [team for team in file_system.teams if team not in dataset.readers()]
            if strangers:
                rule = f"must be readable for every team of the file system, and is not for {', '.join(strangers)}"
                yield Problem((*path, "dataset"), shown(association.dataset), rule)
            elif association.export_events and set(file_system.teams) != {dataset.team}:
                rule = f"must be empty: other teams than {dataset.team}, which owns it, could write to {dataset.name}"
                yield Problem((*path, "export_events"), shown([each.value for each in association.export_events]), rule)
            elif association.export_events and has_own_key.get(dataset.team):
                rule = f"must be empty: FSx writes with the key of the bucket, and {dataset.team} has a key of its own"
                yield Problem((*path, "export_events"), shown([each.value for each in association.export_events]), rule)


def _features_on(environment: Environment) -> Iterator[Problem]:
    features = environment.features
    teams = list(enumerate(environment.teams))
    libraries = environment.notebooks.codeartifact
    parts: list[tuple[Path, Sequence[object], str, Feature]] = [
        *((("teams", index, "members"), team.members, "people", Feature.STUDIO) for index, team in teams),
        *((("teams", index, "notebooks"), team.notebooks, "instances", Feature.NOTEBOOKS) for index, team in teams),
        *((("teams", index, "repositories"), team.repositories, "given", Feature.CODECOMMIT) for index, team in teams),
        (("notebooks", "codeartifact"), [libraries] if libraries else [], "given", Feature.CODEARTIFACT),
        (("efs",), environment.efs, "given", Feature.EFS),
        (("lustre",), environment.lustre, "given", Feature.LUSTRE),
        (("batch", "pools"), environment.batch.pools, "given", Feature.BATCH),
    ]
    for path, given, what, feature in parts:
        if given and feature not in features:
            yield Problem(path, f"{len(given)} {what}", f"must have the feature {feature} on")
        if not given and feature in features and feature in (Feature.LUSTRE, Feature.BATCH):
            yield Problem(path, "none given", f"must have at least one, as the feature {feature} is on")
    clients = {Feature.NOTEBOOKS, Feature.BATCH} & set(features)
    if (environment.lustre or environment.efs) and clients and Feature.AMAZON_LINUX not in features:
        kind = "Lustre" if environment.lustre else "EFS"
        rule = f"must hold amazon_linux: {' and '.join(sorted(clients))} install the client of {kind} from its packages"
        yield Problem(("features",), shown([each.value for each in features]), rule)


def _zones_known(environment: Environment) -> Iterator[Problem]:
    zones = environment.network.zones()
    chosen: list[tuple[Path, str | None]] = [
        *((("lustre", index, "zone"), each.zone) for index, each in enumerate(environment.lustre)),
        *((("batch", "pools", index, "zone"), each.zone) for index, each in enumerate(environment.batch.pools)),
        *(
            (("teams", index, "notebooks", at, "zone"), notebook.zone)
            for index, team in enumerate(environment.teams)
            for at, notebook in enumerate(team.notebooks)
        ),
    ]
    for path, zone in chosen:
        if zone and zone not in zones:
            yield Problem(path, shown(zone), f"must be one of the network's zones: {', '.join(zones)}")


def _sign_in(environment: Environment) -> Iterator[Problem]:
    sso = environment.studio.auth_mode == "SSO"
    for index, team in enumerate(environment.teams):
        for at, member in enumerate(team.members):
            path = ("teams", index, "members", at, "sso_user_name")
            if sso and not member.sso_user_name:
                yield Problem(path, "missing", "is compulsory with studio.auth_mode SSO")
            if member.sso_user_name and not sso:
                yield Problem(path, shown(member.sso_user_name), "must be left out with studio.auth_mode IAM")


def _default_type_allowed(environment: Environment) -> Iterator[Problem]:
    default, allowed = environment.studio.default_instance_type, environment.access.instance_types
    if not any(fnmatchcase(default, pattern) for pattern in allowed):
        rule = f"must be one of access.instance_types, which are {', '.join(allowed)}"
        yield Problem(("studio", "default_instance_type"), shown(default), rule)
