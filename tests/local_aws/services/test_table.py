"""What is wrong with a table is said when it is read."""

import pytest
import yaml

from local_aws.services.check import checked, tables
from local_aws.services.table import TableError

TABLE = """
service: sagemaker
created: [CreationTime]
pages: {size: 10, limit: MaxResults, token: NextToken, invalid: {code: ValidationException, message: No}}
errors:
  missing: {code: ResourceNotFound, message: No}
  exists: {code: ResourceInUse, message: No}
  wrong: {code: ResourceInUse, message: No}
records:
  Image:
    key: [ImageName]
    arn: ImageArn
    resource: image/{record.ImageName}
    status: ImageStatus
    sets: {_ours: 1}
    operations:
      CreateImage: {does: create, becomes: [CREATING, 10, CREATED]}
      DescribeImage: show
      ListImages: {does: list, as: Images}
      DeleteImage: {does: delete, refuses: [{when: record._ours, code: ResourceInUse, message: No}]}
"""

WRONG = {
    "sagemaker: Image: botocore knows no Color": ("sets: {_ours: 1}", "sets: {Color: red}"),
    "sagemaker: Image: CreateImage: ImageStatus is never MADE": ("10, CREATED]", "10, MADE]"),
    "sagemaker: Image: botocore knows no ShowImage": ("DescribeImage: show", "ShowImage: show"),
    "sagemaker: Image: ListImages: as: botocore knows no Pictures": ("as: Images", "as: Pictures"),
    "sagemaker: Image: botocore knows no Name": ("key: [ImageName]", "key: [Name]"),
    "sagemaker: Image: DescribeImage: does: must be one of create, show, list, change, delete": (
        "DescribeImage: show",
        "DescribeImage: paint",
    ),
    "sagemaker: Image: unknown key 'color'": ("sets: {_ours: 1}", "color: red"),
    "sagemaker: Image: needs key": ("key: [ImageName]", "source: nobody"),
    "table: unknown key 'mistakes'": ("errors:", "mistakes: {}\nerrors:"),
    "sagemaker: Image: DeleteImage: the table has no Space": ("record._ours", "records.Space"),
    "sagemaker: Image: DescribeImage: needs: the table has no Domain": (
        "DescribeImage: show",
        "DescribeImage: {does: show, needs: [Domain]}",
    ),
    "sagemaker: Image: DeleteImage: botocore knows no ec2.DeleteMoon": (
        "{does: delete,",
        "{does: delete, calls: [{call: ec2.DeleteMoon}],",
    ),
    "sagemaker: Image: CreateImage: botocore knows no ec2.MakeMoon": ("10, CREATED]", "10, {call: ec2.MakeMoon}]"),
    "sagemaker: Image: DescribeImage: ImageStatus is never MADE": (
        "DescribeImage: show",
        "DescribeImage: {does: show, passes: [MADE]}",
    ),
    "sagemaker: Image: ListImages: botocore knows no Color": (
        "as: Images}",
        "as: Images, having: {Color: red}}",
    ),
    "sagemaker: Image: DeleteImage: botocore knows no Moon": (
        "{does: delete,",
        "{does: delete, calls: [{call: ec2.DeleteSubnet, with: {Moon: 1}}],",
    ),
}
"""What the message says, and the change of the table that leads to it."""


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_named(message: str) -> None:
    right, wrong = WRONG[message]
    assert right in TABLE
    with pytest.raises(TableError) as error:
        checked(TABLE.replace(right, wrong))
    assert message in str(error.value).splitlines()


def test_a_right_table_is_read() -> None:
    assert list(checked(TABLE).kinds) == ["Image"]


def test_a_parameter_that_would_be_lost_is_an_error() -> None:
    with pytest.raises(TableError, match="UpdateImage: DeleteProperties: changes nothing"):
        checked(TABLE.replace("DescribeImage: show", "UpdateImage: change"))


def test_a_filter_that_nobody_knows_is_an_error() -> None:
    table = yaml.safe_load(TABLE)
    table["records"]["Image"]["operations"] = {"ListImageVersions": {"does": "list", "as": "ImageVersions"}}
    table["records"]["Image"] |= {"key": ["ImageArn"], "status": "ImageVersionStatus"}
    with pytest.raises(TableError, match="ListImageVersions: ImageName: changes nothing"):
        checked(yaml.safe_dump(table))


def test_a_misread_negation_is_an_error() -> None:
    with pytest.raises(TableError, match=r"write !\(a\.b\)"):
        checked(TABLE.replace("record._ours", "'!record._ours'"))


def test_an_expression_that_is_none_is_an_error() -> None:
    with pytest.raises(TableError, match="is no jmespath"):
        checked(TABLE.replace("record._ours", "'a b'"))


def test_every_row_says_what_it_rests_on_or_rests_on_the_model() -> None:
    """Words that nobody can look up are marked as inferred somewhere."""
    inferred = [kind.name for table in tables() for kind in table.kinds.values() if not kind.source]
    assert set(inferred) <= {
        "AppImageConfig",
        "FirewallRule",
        "ImageVersion",
        "ResolverQueryLogConfigAssociation",
    }


def test_a_record_of_two_files_is_refused() -> None:
    with pytest.raises(TableError, match="sagemaker: Image is there twice"):
        checked(TABLE, "Image: {}")
