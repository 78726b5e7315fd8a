package awscloudtrail

import (
	"slices"

	"example.com/evident/event"
	"example.com/evident/source"
)

// maxTargets bounds what one event names: batch calls can have thousands.
const maxTargets = 16

// A parameter is a member of requestParameters or responseElements that names
// what a call is about.
type parameter struct {
	name, service string // service is empty where the name says enough
	kind          string // as CloudFormation calls it
}

// parameters stand in the order in which targets are named: whom or what a call
// is done to comes before what it is done with.
var parameters = []parameter{
	{"userName", "iam", "AWS::IAM::User"},
	{"roleName", "iam", "AWS::IAM::Role"},
	{"groupName", "iam", "AWS::IAM::Group"},
	{"instanceProfileName", "iam", "AWS::IAM::InstanceProfile"},
	{"policyArn", "", "AWS::IAM::ManagedPolicy"},
	{"policyName", "iam", "AWS::IAM::Policy"},
	{"accessKeyId", "iam", "AWS::IAM::AccessKey"},
	{"serialNumber", "iam", "AWS::IAM::VirtualMFADevice"},
	{"sAMLProviderArn", "iam", "AWS::IAM::SAMLProvider"},
	{"openIDConnectProviderArn", "iam", "AWS::IAM::OIDCProvider"},
	{"roleArn", "sts", "AWS::IAM::Role"},
	{"principalId", "sso", "AWS::IdentityStore::Principal"},
	{"permissionSetArn", "sso", "AWS::SSO::PermissionSet"},
	{"targetId", "sso", "AWS::Organizations::Account"},
	{"userId", "identitystore", "AWS::IdentityStore::User"},
	{"groupId", "identitystore", "AWS::IdentityStore::Group"},
	{"accountId", "organizations", "AWS::Organizations::Account"},
	{"policyId", "organizations", "AWS::Organizations::Policy"},
	{"bucketName", "", "AWS::S3::Bucket"},
	{"keyId", "kms", "AWS::KMS::Key"},
	{"secretId", "secretsmanager", "AWS::SecretsManager::Secret"},
	{"name", "ssm", "AWS::SSM::Parameter"},
	{"target", "ssm", "AWS::EC2::Instance"},
	{"sessionId", "ssm", "AWS::SSM::Session"},
	{"documentName", "ssm", "AWS::SSM::Document"},
	{"name", "cloudtrail", "AWS::CloudTrail::Trail"},
	{"trailName", "cloudtrail", "AWS::CloudTrail::Trail"},
	{"eventDataStore", "cloudtrail", "AWS::CloudTrail::EventDataStore"},
	{"detectorId", "guardduty", "AWS::GuardDuty::Detector"},
	{"configurationRecorderName", "config", "AWS::Config::ConfigurationRecorder"},
	{"logGroupName", "", "AWS::Logs::LogGroup"},
	{"instanceId", "", "AWS::EC2::Instance"},
	{"groupId", "ec2", "AWS::EC2::SecurityGroup"},
	{"groupName", "ec2", "AWS::EC2::SecurityGroup"},
	{"networkAclId", "ec2", "AWS::EC2::NetworkAcl"},
	{"routeTableId", "ec2", "AWS::EC2::RouteTable"},
	{"internetGatewayId", "ec2", "AWS::EC2::InternetGateway"},
	{"natGatewayId", "ec2", "AWS::EC2::NatGateway"},
	{"subnetId", "ec2", "AWS::EC2::Subnet"},
	{"vpcId", "ec2", "AWS::EC2::VPC"},
	{"volumeId", "ec2", "AWS::EC2::Volume"},
	{"snapshotId", "ec2", "AWS::EC2::Snapshot"},
	{"imageId", "ec2", "AWS::EC2::Image"},
	{"allocationId", "ec2", "AWS::EC2::EIP"},
	{"networkInterfaceId", "ec2", "AWS::EC2::NetworkInterface"},
	{"functionName", "lambda", "AWS::Lambda::Function"},
	{"dBInstanceIdentifier", "rds", "AWS::RDS::DBInstance"},
	{"dBClusterIdentifier", "rds", "AWS::RDS::DBCluster"},
	{"dBSnapshotIdentifier", "rds", "AWS::RDS::DBSnapshot"},
	{"tableName", "dynamodb", "AWS::DynamoDB::Table"},
	{"stackName", "cloudformation", "AWS::CloudFormation::Stack"},
	{"changeSetName", "cloudformation", "AWS::CloudFormation::ChangeSet"},
	{"service", "ecs", "AWS::ECS::Service"},
	{"task", "ecs", "AWS::ECS::Task"},
	{"cluster", "ecs", "AWS::ECS::Cluster"},
	{"name", "eks", "AWS::EKS::Cluster"},
	{"clusterName", "eks", "AWS::EKS::Cluster"},
	{"repositoryName", "", "AWS::ECR::Repository"},
	{"applicationName", "codedeploy", "AWS::CodeDeploy::Application"},
	{"projectName", "codebuild", "AWS::CodeBuild::Project"},
	{"name", "codepipeline", "AWS::CodePipeline::Pipeline"},
	{"pipelineName", "codepipeline", "AWS::CodePipeline::Pipeline"},
	{"hostedZoneId", "route53", "AWS::Route53::HostedZone"},
	{"loadBalancerArn", "", "AWS::ElasticLoadBalancingV2::LoadBalancer"},
	{"autoScalingGroupName", "", "AWS::AutoScaling::AutoScalingGroup"},
	{"topicArn", "", "AWS::SNS::Topic"},
	{"queueUrl", "", "AWS::SQS::Queue"},
	{"certificateArn", "", "AWS::CertificateManager::Certificate"},
	{"userPoolId", "", "AWS::Cognito::UserPool"},
	{"domainName", "", "domain"},
	{"resourceArn", "", "resource"},
}

// ranks has the places in parameters of each name.
var ranks = func() map[string][]int {
	m := map[string][]int{}
	for i, p := range parameters {
		m[p.name] = append(m[p.name], i)
	}
	return m
}()

// ranked is a target with the place of its parameter.
type ranked struct {
	rank   int
	target event.Target
}

// targets returns what the record lists as resources; where it lists none, what
// the request names, and what a call that changes something has made.
func (r *record) targets(service string) []event.Target {
	var listed []event.Target
	for e := range source.Elements(r.resources) {
		var t event.Target
		prefix := ""
		for name, v := range source.Members(e) {
			switch name {
			case "ARN":
				t.ID = source.Text(v)
			case "ARNPrefix":
				prefix = source.Text(v)
			case "type":
				t.Type = source.Text(v)
			}
		}
		if t.ID == "" {
			t.ID = prefix
		}
		if t.ID != "" && len(listed) < maxTargets && !slices.Contains(listed, t) {
			listed = append(listed, t)
		}
	}
	if len(listed) > 0 {
		return listed
	}
	found := named(nil, r.parameters, service, false)
	if r.readOnly != "true" && r.errorCode == "" {
		found = named(found, r.response, service, true)
	}
	slices.SortStableFunc(found, func(a, b ranked) int { return a.rank - b.rank })
	for _, f := range found {
		if len(listed) < maxTargets && !slices.Contains(listed, f.target) {
			listed = append(listed, f.target)
		}
	}
	return listed
}

// named appends the targets that members of object name, and, of a response,
// members of the objects in it: {"accessKey":{"accessKeyId":…}}.
func named(found []ranked, object []byte, service string, response bool) []ranked {
	for name, v := range source.Members(object) {
		switch {
		case name == "instancesSet":
			for item := range source.Elements(value(v, "items")) {
				found = named(found, item, service, false)
			}
		case v[0] == '{' && response:
			found = named(found, v, service, false)
		case v[0] == '"':
			for _, rank := range ranks[name] {
				p := parameters[rank]
				if id := source.Text(v); id != "" && (p.service == "" || p.service == service) && len(found) < 4*maxTargets {
					found = append(found, ranked{rank, event.Target{Type: p.kind, ID: id}})
				}
			}
		}
	}
	return found
}

// value returns a member of an object, or nil.
func value(object []byte, name string) []byte {
	for n, v := range source.Members(object) {
		if n == name {
			return v
		}
	}
	return nil
}
