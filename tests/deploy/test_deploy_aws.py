"""The CloudFormation template: read by cfn-lint, created in moto, looked over for what it opens."""

import json
import subprocess
import sys
import warnings
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from januscl.cli.main import app

TEMPLATE = Path(__file__).parents[2] / "deploy" / "aws" / "janus.yaml"
REGION = "eu-central-1"
# What moto's CloudFormation does not make; it warns of each and goes on.
NOT_IN_MOTO = {"AWS::S3::BucketPolicy", "AWS::SecretsManager::Secret"}


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's own tags, as ``{"Fn::Sub": ...}`` and the like."""


def function(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    return {name: loader.construct_sequence(node, deep=True)}


Loader.add_multi_constructor("!", function)


@pytest.fixture(scope="module")
def template():
    return yaml.load(TEMPLATE.read_text(), Loader)


def of(template, kind):
    found = {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }
    assert found, f"the template has a {kind}"
    return found


def test_cfn_lint_finds_nothing():
    program = Path(sys.executable).with_name("cfn-lint")
    if not program.exists():
        pytest.skip("cfn-lint is not installed")
    done = subprocess.run([program, TEMPLATE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def test_it_uses_no_alias_for_cloudformation_refuses_them():
    events = yaml.parse(TEMPLATE.read_text(), Loader)
    assert not [event for event in events if isinstance(event, yaml.AliasEvent)]


def test_nothing_is_public_and_everything_is_encrypted(template):
    for bucket in of(template, "AWS::S3::Bucket").values():
        assert all(bucket["PublicAccessBlockConfiguration"].values())
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        assert bucket["BucketEncryption"]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    guarded = {policy["Bucket"]["Ref"] for policy in of(template, "AWS::S3::BucketPolicy").values()}
    assert guarded == set(of(template, "AWS::S3::Bucket")), "TLS alone, in every bucket"
    for database in of(template, "AWS::RDS::DBInstance").values():
        assert database["StorageEncrypted"]
        assert not database["PubliclyAccessible"]
        assert "resolve:secretsmanager" in str(database["MasterUserPassword"])
    assert all(files["Encrypted"] for files in of(template, "AWS::EFS::FileSystem").values())
    for group in of(template, "AWS::EC2::SecurityGroup").values():
        assert "0.0.0.0/0" not in json.dumps(group)
    for service in of(template, "AWS::ECS::Service").values():
        network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert network["AssignPublicIp"] == "DISABLED"
    assert template["Parameters"]["Scheme"]["Default"] == "internal"


def test_what_must_not_be_lost_outlives_the_stack(template):
    kept = {
        "AWS::S3::Bucket": "Retain",
        "AWS::EFS::FileSystem": "Retain",
        "AWS::RDS::DBInstance": "Snapshot",
        "AWS::SecretsManager::Secret": "Retain",
    }
    for name, resource in template["Resources"].items():
        wanted = kept.get(resource["Type"])
        if wanted:
            assert resource["DeletionPolicy"] == wanted, name
            assert resource["UpdateReplacePolicy"] == wanted, name


def test_no_role_may_more_than_it_must(template):
    broad = {
        "ecr:GetAuthorizationToken", "batch:DescribeJobs", "batch:ListJobs",
        "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
    }  # fmt: skip
    documents = [
        policy["PolicyDocument"]
        for role in of(template, "AWS::IAM::Role").values()
        for policy in role.get("Policies", [])
    ]
    documents += [
        policy["PolicyDocument"] for policy in of(template, "AWS::IAM::ManagedPolicy").values()
    ]
    for statement in (one for document in documents for one in document["Statement"]):
        actions = statement["Action"]
        actions = {actions} if isinstance(actions, str) else set(actions)
        assert not any("*" in action for action in actions)
        if any(action.startswith("s3:Delete") for action in actions):
            assert statement["Resource"] == {"Fn::Sub": "${Blobs.Arn}/log/*"}, "blobs are for ever"
        if statement["Resource"] == "*":
            assert actions <= broad, "these know no narrower resource"


def test_no_secret_is_written_into_a_container(template):
    containers = [
        *(
            container
            for task in of(template, "AWS::ECS::TaskDefinition").values()
            for container in task["ContainerDefinitions"]
        ),
        *(job["ContainerProperties"] for job in of(template, "AWS::Batch::JobDefinition").values()),
    ]
    for container in containers:
        names = {variable["Name"] for variable in container["Environment"]}
        assert "PGPASSWORD" not in names
        assert {secret["Name"] for secret in container["Secrets"]} == {"PGPASSWORD"}
        assert container["User"] == "10001"
        words = container["Command"]
        assert words[0] == "janus"
        assert words[1] in pytest.importorskip("typer").main.get_command(app).commands


def test_every_setting_that_a_container_is_given_is_one(template):
    settings = pytest.importorskip("januscl.line.settings", reason="needs the extra service")
    known = {f"{settings.PREFIX}{name.upper()}" for name in settings.Settings.model_fields}
    commands = pytest.importorskip("typer").main.get_command(app).commands
    known |= {option.envvar for option in commands["worker"].params if option.envvar}
    for text in TEMPLATE.read_text().split():
        name = text.strip(",{}")
        assert not name.startswith("JANUS_") or name in known, name


def test_the_gpu_queue_is_empty_when_nothing_waits_and_tries_again_what_spot_took(template):
    (machines,) = of(template, "AWS::Batch::ComputeEnvironment").values()
    assert machines["ComputeResources"]["MinvCpus"] == 0
    assert machines["ComputeResources"]["Type"] == "SPOT"
    (job,) = of(template, "AWS::Batch::JobDefinition").values()
    rules = job["RetryStrategy"]["EvaluateOnExit"]
    assert rules[0] == {"Action": "RETRY", "OnStatusReason": "Host EC2*"}
    assert rules[-1]["Action"] == "EXIT", "what failed by itself is for the service to restart"


def test_a_job_shares_a_database_and_buckets_with_the_service_and_no_folder(template):
    (job,) = of(template, "AWS::Batch::JobDefinition").values()
    container = job["ContainerProperties"]
    assert "Volumes" not in container
    assert "MountPoints" not in container
    named = {entry["Name"] for key in ("Environment", "Secrets") for entry in container[key]}
    assert {"JANUS_DATABASE", "JANUS_BLOBS", "PGPASSWORD"} <= named
    role = of(template, "AWS::IAM::Role")["JobRole"]
    assert "Policies" not in role
    shared = of(template, "AWS::IAM::ManagedPolicy")["Keep"]["PolicyDocument"]["Statement"]
    assert "elasticfilesystem" not in json.dumps(shared)


def test_moto_creates_the_stack_but_for_what_it_does_not_know(template):
    boto3 = pytest.importorskip("boto3")
    moto = pytest.importorskip("moto")
    with moto.mock_aws(), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        parameters = [
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in network(boto3).items()
        ]
        asked = deepcopy(template)
        # AWS makes this role by itself when it is not named; moto wants to be told.
        asked["Resources"]["Machines"]["Properties"]["ServiceRole"] = service_role(boto3)
        client = boto3.client("cloudformation", REGION)
        client.create_stack(
            StackName="janus",
            TemplateBody=json.dumps(asked),
            Parameters=parameters,
            Capabilities=["CAPABILITY_IAM"],
        )
        stack = client.describe_stacks(StackName="janus")["Stacks"][0]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        made = client.describe_stack_resources(StackName="janus")["StackResources"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        queues = boto3.client("batch", REGION).describe_job_queues()["jobQueues"]
    skipped = {
        kind for kind in NOT_IN_MOTO if any(f"parse {kind} " in str(w.message) for w in told)
    }
    assert skipped == NOT_IN_MOTO
    expected = {
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] not in NOT_IN_MOTO
    }
    assert expected - {resource.get("LogicalResourceId") for resource in made} == set()
    assert [queue["jobQueueName"] for queue in queues] == ["janus-gpu"]
    assert outputs["Executor"] == "batch://janus-gpu/janus-job"


def service_role(boto3):
    role = boto3.client("iam", REGION).create_role(
        RoleName="batch",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}),
    )
    return role["Role"]["Arn"]


def network(boto3):
    """Make a network, and return what the template asks for."""
    ec2 = boto3.client("ec2", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    certificate = boto3.client("acm", REGION).request_certificate(DomainName="janus.example")
    names = ("PublicSubnetA", "PublicSubnetB", "PrivateSubnetA", "PrivateSubnetB")
    subnets = {
        name: ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{'ab'[n % 2]}"
        )["Subnet"]["SubnetId"]
        for n, name in enumerate(names)
    }
    return {
        "Vpc": vpc,
        **subnets,
        "RobotCidr": "10.0.0.0/8",
        "Certificate": certificate["CertificateArn"],
        "Tag": "0.1.0",
        "GpuInstances": "g5.xlarge,g6.xlarge",  # moto does not take a default list apart
    }
