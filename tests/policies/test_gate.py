"""The gate lets nothing through that nobody answered for, and each answer is still needed and true."""

import json
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from constructs import IConstruct

from policies import gate, report
from tests.conftest import SHIPPED
from tests.support import Assembly

ACKNOWLEDGED = cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An assembly with a bucket that breaks rules of every pack."""
    folder = tmp_path_factory.mktemp("bad")
    app = cdk.App(outdir=str(folder), post_cli_context=gate.CONTEXT, builtin_cloud_formation_validation=False)
    stack = cdk.Stack(app, "Bad")
    s3.Bucket(stack, "Bucket")
    # What only our own pack sees.
    cdk.CfnResource(stack, "Domain", type="AWS::SageMaker::Domain", properties={})
    gate.attach(app)
    app.synth()
    return folder


@pytest.mark.parametrize("pack", report.PACKS)
def test_each_pack_can_fail_the_gate(bad: Path, pack: str) -> None:
    with pytest.raises(gate.GateError) as error:
        gate.check(bad)
    assert any(pack in finding.packs for finding in error.value.findings)


def test_a_rule_that_several_packs_have_is_told_once(bad: Path) -> None:
    with pytest.raises(gate.GateError) as error:
        gate.check(bad)
    (versioning,) = [each for each in error.value.findings if each.rule == "S3BucketVersioningEnabled"]
    assert str(versioning) == (
        "Bad/Bucket/Resource\n"
        "  rule: S3BucketVersioningEnabled (NIST.800.53.R4, NIST.800.53.R5, HIPAA.Security, PCI.DSS.321)\n"
        "  why:  The S3 Bucket does not have versioning enabled. Use versioning to preserve, retrieve, and restore "
        "every version of every object stored in your Amazon S3 bucket. Versioning helps you to easily recover from "
        "unintended user actions and application failures.\n"
        "  fix:  change the resource, or acknowledge NIST.800.53.R4::NIST.800.53.R4-S3BucketVersioningEnabled and "
        "NIST.800.53.R5::NIST.800.53.R5-S3BucketVersioningEnabled and HIPAA.Security::HIPAA.Security-"
        "S3BucketVersioningEnabled and PCI.DSS.321::PCI.DSS.321-S3BucketVersioningEnabled"
    )


def test_a_pack_that_breaks_fails_the_gate(tmp_path: Path) -> None:
    broken = {"pluginName": "AwsSolutions", "conclusion": "failure", "violations": [], "metadata": {"error": "oh"}}
    (tmp_path / "validation-report.json").write_text(json.dumps({"pluginReports": [broken]}))
    with pytest.raises(gate.GateError, match=r"the pack itself failed: .*oh"):
        gate.check(tmp_path)


def test_an_assembly_made_without_packs_does_not_pass(tmp_path: Path) -> None:
    cdk.App(outdir=str(tmp_path), builtin_cloud_formation_validation=False).synth()
    with pytest.raises(gate.GateError, match="no pack ran"):
        gate.check(tmp_path)


def test_an_earlier_report_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / report.FILE).write_text('{"pluginReports": []}')
    gate.forget(tmp_path)
    gate.forget(tmp_path)
    with pytest.raises(gate.GateError, match="no pack ran"):
        gate.check(tmp_path)


def test_a_warning_of_the_cdk_is_told_with_the_id_that_acknowledges_it(tmp_path: Path) -> None:
    context = {"@aws-cdk/core:annotationsInValidationReport": True, **gate.CONTEXT}
    app = cdk.App(outdir=str(tmp_path), post_cli_context=context, builtin_cloud_formation_validation=False)
    stack = cdk.Stack(app, "Warned")
    cdk.Annotations.of(stack).add_warning_v2("trainyard:odd", "odd")
    gate.attach(app)
    app.synth()
    with pytest.raises(gate.GateError, match="or acknowledge Annotation::trainyard:odd\n"):
        gate.check(tmp_path)


def test_every_shipped_environment_passes(assembly: Assembly) -> None:
    gate.check(assembly.folder)


def test_every_acknowledgement_still_answers_a_finding(assembly: Assembly) -> None:
    answered = {
        (violation["acknowledgedAt"], violation["acknowledgedId"])
        for each in report.read(assembly.folder).values()
        for violation in each.get("suppressedViolations", ())
    }
    given = {
        (construct.node.path, acknowledged)
        for construct in assembly.root.node.find_all()
        for entry in construct.node.metadata
        if entry.type == ACKNOWLEDGED
        for acknowledged in entry.data
        # The CDK answers for its own constructs to its own engine, which the gate does not run.
        if not acknowledged.startswith("CloudFormation-Validate::")
    }
    assert given == answered


def test_no_acknowledgement_covers_a_whole_stack(assembly: Assembly) -> None:
    covering = [construct.node.path for construct in _acknowledging(assembly) if cdk.Stack.is_stack(construct)]
    assert [*covering, *(each.node.path for each in _acknowledging(assembly) if cdk.App.is_app(each))] == []


def test_an_acknowledgement_names_one_resource(assembly: Assembly) -> None:
    for construct in _acknowledging(assembly):
        own = [child for child in construct.node.find_all() if isinstance(child, cdk.CfnResource)]
        types = {child.cfn_resource_type for child in own}
        assert len([each for each in own if each.node.id == "Resource"]) <= 1, (construct.node.path, types)


@pytest.mark.parametrize("name", SHIPPED)
def test_all_traffic_is_admitted_to_the_efa_group_from_itself_alone(
    assembly_of: Callable[[str], Assembly], name: str
) -> None:
    """What the acknowledgement of EC2RestrictedCommonPorts says."""
    groups = assembly_of(name).resources("AWS::EC2::SecurityGroup")
    (efa,) = [
        key
        for key, each in groups.items()
        if {"Key": "Name", "Value": f"trainyard-{name}-network-efa"} in each["Properties"]["Tags"]
    ]
    group_id = {"Fn::GetAtt": [efa.partition(".")[2], "GroupId"]}
    ingress = [each["Properties"] for each in assembly_of(name).resources("AWS::EC2::SecurityGroupIngress").values()]
    everything = [rule for rule in ingress if rule["IpProtocol"] == "-1"]
    assert [(rule["GroupId"], rule["SourceSecurityGroupId"]) for rule in everything] == [(group_id, group_id)]
    assert [rule for rule in ingress if rule["GroupId"] == group_id] == everything


def _acknowledging(assembly: Assembly) -> list[IConstruct]:
    return [
        construct
        for construct in assembly.root.node.find_all()
        if any(entry.type == ACKNOWLEDGED for entry in construct.node.metadata)
    ]
