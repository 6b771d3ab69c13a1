"""The permission to use folders of buckets."""

from collections.abc import Sequence
from dataclasses import dataclass

from constructs import Construct

from trainyard.managed_policy import Conditions, ManagedPolicy, Statement
from trainyard.place import place_of

READ_OBJECTS = ("s3:GetObject", "s3:GetObjectVersion")
WRITE_OBJECTS = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
LIST_BUCKETS = ("s3:ListBucket",)
LOCATE_BUCKETS = ("s3:GetBucketLocation",)
USE_KEY = ("kms:Decrypt", "kms:GenerateDataKey")
READ_WITH_KEY = ("kms:Decrypt",)
LOOK_UP_KEY = ("kms:DescribeKey",)

ALL_THAT_IS_IN_IT = "All that lies in a folder may be used, which nobody can list beforehand"


@dataclass(frozen=True)
class Folder:
    """A folder of a bucket, by the bucket's ARN; its path has no slash at either end."""

    bucket: str
    path: str


class FolderPolicy(ManagedPolicy):
    """Reading and writing some folders, reading others, and listing nothing else.

    It must stand in the stack of the buckets: what may be reached in a bucket is said where the bucket is.

    Args:
        own: folders to read and write.
        shared: folders to read.
        key: ARN of the key of its own folders.
        shared_keys: ARNs of the keys that shared folders have beside it.
        further: statements that go with it.

    Source: AWS docs AmazonS3/latest/userguide/amazon-s3-policy-keys.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        own: Sequence[Folder],
        shared: Sequence[Folder] = (),
        key: str,
        shared_keys: Sequence[str] = (),
        further: Sequence[Statement] = (),
    ) -> None:
        place = place_of(scope)
        # The name of a bucket that was deleted can be taken by somebody else.
        ours = {"aws:ResourceAccount": place.account}
        buckets = list(dict.fromkeys(folder.bucket for folder in own))

        def objects(folders: Sequence[Folder]) -> list[str]:
            return [f"{folder.bucket}/{folder.path}/*" for folder in folders]

        def through_s3(folders: Sequence[Folder]) -> Conditions:
            return {
                "StringEquals": {
                    "kms:ViaService": f"s3.{place.region}.amazonaws.com",
                    # With bucket keys the encryption context is the bucket and not the object.
                    "kms:EncryptionContext:aws:s3:arn": list(dict.fromkeys(folder.bucket for folder in folders)),
                }
            }

        read = Statement(
            "ReadSharedFolders",
            READ_OBJECTS,
            objects(shared),
            conditions={"StringEquals": ours},
            wildcards=ALL_THAT_IS_IN_IT,
        )
        read_with_their_keys = Statement(
            "ReadWithOtherKeys", READ_WITH_KEY, list(shared_keys), conditions=through_s3(shared)
        )
        super().__init__(
            scope,
            construct_id,
            statements=[
                Statement("LocateBuckets", LOCATE_BUCKETS, buckets, conditions={"StringEquals": ours}),
                *(
                    Statement(
                        f"ListFolders{index}",
                        LIST_BUCKETS,
                        [bucket],
                        conditions={
                            "StringEquals": ours,
                            "StringLike": {
                                # With the slash: a prefix without it also lists folders whose names begin so.
                                "s3:prefix": [
                                    f"{folder.path}/*" for folder in (*own, *shared) if folder.bucket == bucket
                                ]
                            },
                        },
                    )
                    for index, bucket in enumerate(buckets)
                ),
                Statement(
                    "UseOwnFolders",
                    [*READ_OBJECTS, *WRITE_OBJECTS],
                    objects(own),
                    conditions={"StringEquals": ours},
                    wildcards=ALL_THAT_IS_IN_IT,
                ),
                *([read] if shared else []),
                Statement("UseTheKey", USE_KEY, [key], conditions=through_s3(own)),
                *([read_with_their_keys] if shared_keys else []),
                # SageMaker looks a key up before it takes it for the output of a job.
                Statement("LookUpTheKey", LOOK_UP_KEY, [key]),
                *further,
            ],
        )
