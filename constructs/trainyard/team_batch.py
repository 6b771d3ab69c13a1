"""What people of a team may do in Batch: submit to the queues in the team's share, and end what they submitted."""

from collections.abc import Mapping, Sequence

from constructs import Construct

from trainyard.managed_policy import ManagedPolicy, Statement
from trainyard.place import place_of
from trainyard.team_people import READ_LOGS
from trainyard.team_registry import NO_RESOURCE

SUBMIT_BATCH = ("batch:SubmitJob",)
TAG_BATCH = ("batch:TagResource",)
END_BATCH = ("batch:CancelJob", "batch:TerminateJob")
FIND_BATCH = (
    *("batch:DescribeJobs", "batch:ListJobs", "batch:DescribeJobQueues", "batch:DescribeJobDefinitions"),
    "batch:DescribeComputeEnvironments",
)
VIEW_QUEUES = ("batch:GetJobQueueSnapshot",)


class TeamBatch(ManagedPolicy):
    """Batch jobs of the team's own definitions, in its share of the queues.

    Args:
        tags: the tags that its jobs must carry, and by which they are known as the team's.
        share_identifier: the team as the queues know it.
        queues: ARNs of the queues.
        job_definitions: names of its job definitions.
        log_groups: how the name of the log group of jobs begins.
        log_stream_prefix: how the names of the team's log streams in it begin.

    Source: AWS docs batch/latest/userguide/batch-supported-iam-actions-resources.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        tags: Mapping[str, str],
        share_identifier: str,
        queues: Sequence[str],
        job_definitions: Sequence[str],
        log_groups: str,
        log_stream_prefix: str,
    ) -> None:
        place = place_of(scope)
        jobs = place.arn("batch", "job/*")
        tagged = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        owned = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
        super().__init__(
            scope,
            construct_id,
            statements=[
                Statement(
                    "SubmitJobs",
                    SUBMIT_BATCH,
                    [
                        *queues,
                        jobs,
                        *(
                            place.arn("batch", f"job-definition/{each}{ending}")
                            for each in job_definitions
                            for ending in ("", ":*")
                        ),
                    ],
                    conditions={"StringEquals": {**tagged, "batch:ShareIdentifier": share_identifier}},
                    wildcards="A job gets its id when it is submitted; a definition of the team's, each revision",
                ),
                Statement(
                    "TagJobs",
                    TAG_BATCH,
                    [jobs],
                    # A job that is being submitted has no tags yet; one that has others' is theirs.
                    conditions={"StringEquals": tagged, "StringEqualsIfExists": owned},
                    wildcards="A job gets its id when it is submitted; only the team's own tag can be given",
                ),
                Statement(
                    "EndJobs",
                    END_BATCH,
                    [jobs],
                    conditions={"StringEquals": owned},
                    wildcards="A job gets its id when it is submitted; only the team's own can be ended",
                ),
                Statement("ViewQueues", VIEW_QUEUES, queues),
                Statement(
                    "ReadLogs",
                    READ_LOGS,
                    [place.arn("logs", f"log-group:{log_groups}*:log-stream:{log_stream_prefix}/*")],
                    wildcards="CloudFormation ends the name of a log group, and each job of the team has its streams",
                ),
                Statement("FindJobs", FIND_BATCH, wildcards=NO_RESOURCE),
            ],
        )
