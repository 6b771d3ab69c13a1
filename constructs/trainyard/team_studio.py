"""What people of a team may do in Studio: use the apps of their own space and of the one they share."""

from constructs import Construct

from trainyard.managed_policy import ManagedPolicy, Statement
from trainyard.place import place_of
from trainyard.runtime_policy import write_logs
from trainyard.team_work import TAG

USE_APPS = ("sagemaker:CreateApp", "sagemaker:DeleteApp", "sagemaker:DescribeApp")
USE_SPACES = ("sagemaker:DescribeSpace", "sagemaker:UpdateSpace", "sagemaker:ListTags")
LOOK_AROUND = ("sagemaker:DescribeDomain", "sagemaker:DescribeUserProfile")

OWN_SPACES = "The apps of these two spaces, of whatever type"


class TeamStudio(ManagedPolicy):
    """Apps in the own private space and in the space that the team shares.

    Args:
        shared_space: the name of the space that the team shares.

    Source: AWS docs sagemaker/latest/dg/studio-updated-jl-admin-guide-permissions.html
    """

    def __init__(self, scope: Construct, construct_id: str, *, shared_space: str) -> None:
        place = place_of(scope)
        # Studio itself fills these in for calls from inside it, and nobody else can.
        domain = "${sagemaker:DomainId}"
        spaces = [f"{domain}/{private_space('${sagemaker:UserProfileName}')}", f"{domain}/{shared_space}"]
        apps = [place.arn("sagemaker", f"app/{space}/*") for space in spaces]
        super().__init__(
            scope,
            construct_id,
            statements=[
                Statement("UseApps", USE_APPS, apps, wildcards=OWN_SPACES),
                Statement(
                    "TagApps",
                    TAG,
                    apps,
                    conditions={"Null": {"sagemaker:TaggingAction": "false"}},
                    wildcards=OWN_SPACES,
                ),
                Statement("UseSpaces", USE_SPACES, [place.arn("sagemaker", f"space/{space}") for space in spaces]),
                Statement(
                    "LookAround",
                    LOOK_AROUND,
                    [
                        place.arn("sagemaker", f"domain/{domain}"),
                        place.arn("sagemaker", f"user-profile/{domain}/${{sagemaker:UserProfileName}}"),
                    ],
                ),
                # The service writes for the app, from outside of Studio, where nobody knows whose app it is.
                *write_logs(scope, ["studio:log-stream:*"]),
            ],
        )


def private_space(member: str) -> str:
    """The name of a person's own space."""
    return f"{member}-private"


def shared_space(team: str) -> str:
    """The name of the space that a team shares."""
    return f"{team}-shared"
