import type { Situation } from "./definition";
import { AwsError } from "./errors";
import { nounOf } from "./references";
import { canonical, text } from "./values";
import { isDeepStrictEqual } from "node:util";

/** Properties that no two resources of a type share, and what AWS says to a second one. */
export const uniques: readonly (readonly [token: string, by: string, code: string])[] = [
  ["aws:ec2/securityGroup:SecurityGroup", "vpcId name", "InvalidGroup.Duplicate"],
  ["aws:ec2/route:Route", "routeTableId destinationCidrBlock destinationIpv6CidrBlock", "RouteAlreadyExists"],
  [
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "securityGroupId ipProtocol fromPort toPort cidrIpv4 cidrIpv6 referencedSecurityGroupId prefixListId",
    "InvalidPermission.Duplicate",
  ],
  [
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "securityGroupId ipProtocol fromPort toPort cidrIpv4 cidrIpv6 referencedSecurityGroupId prefixListId",
    "InvalidPermission.Duplicate",
  ],
  ["aws:kms/alias:Alias", "name", "AlreadyExistsException"],
  ["aws:secretsmanager/secret:Secret", "name", "ResourceExistsException"],
  ["aws:ssm/parameter:Parameter", "name", "ParameterAlreadyExists"],
  ["aws:cloudwatch/logGroup:LogGroup", "name", "ResourceAlreadyExistsException"],
  ["aws:rds/subnetGroup:SubnetGroup", "name", "DBSubnetGroupAlreadyExists"],
  ["aws:rds/parameterGroup:ParameterGroup", "name", "DBParameterGroupAlreadyExists"],
  ["aws:rds/instance:Instance", "identifier", "DBInstanceAlreadyExists"],
  ["aws:rds/snapshot:Snapshot", "dbSnapshotIdentifier", "DBSnapshotAlreadyExists"],
  ["aws:rds/proxy:Proxy", "name", "DBProxyAlreadyExistsFault"],
  ["aws:iam/role:Role", "name", "EntityAlreadyExists"],
  ["aws:iam/policy:Policy", "name path", "EntityAlreadyExists"],
  ["aws:iam/instanceProfile:InstanceProfile", "name", "EntityAlreadyExists"],
  ["aws:lb/loadBalancer:LoadBalancer", "name", "DuplicateLoadBalancerName"],
  ["aws:lb/targetGroup:TargetGroup", "name", "DuplicateTargetGroupName"],
  ["aws:lb/listener:Listener", "loadBalancerArn port", "DuplicateListener"],
  ["aws:lb/listenerRule:ListenerRule", "listenerArn priority", "PriorityInUse"],
  ["aws:ecs/service:Service", "cluster name", "InvalidParameterException"],
  ["aws:s3/bucket:Bucket", "bucket", "BucketAlreadyOwnedByYou"],
  ["aws:lambda/function:Function", "name", "ResourceConflictException"],
  ["aws:lambda/permission:Permission", "function statementId", "ResourceConflictException"],
  ["aws:scheduler/schedule:Schedule", "groupName name", "ConflictException"],
  ["aws:route53/record:Record", "zoneId name type setIdentifier", "InvalidChangeBatch"],
  ["aws:ecr/repository:Repository", "name", "RepositoryAlreadyExistsException"],
];

/** What there is already of what has to be the only one. */
export function taken(token: string, { rows, outs, on, id }: Situation): AwsError | undefined {
  const [, by = "", code = ""] = uniques.find(([of]) => of === token) ?? [];
  if (by === "" || on === "delete") return undefined;
  const names = by.split(" ");
  const own = names.map((name) => canonical(outs[name]));
  if (own.every((value) => value === undefined)) return undefined;
  const other = rows.all(token).find(
    (row) =>
      row.id !== id &&
      isDeepStrictEqual(
        names.map((name) => canonical(row.outs[name])),
        own,
      ),
  );
  if (other === undefined) return undefined;
  // A rule without a priority gets the next free one.
  if (names.includes("priority") && outs["priority"] === undefined) return undefined;
  const which = names.map((name) => `${name} ${text(outs, name) || "(none)"}`).join(", ");
  return new AwsError(code, `A ${nounOf(token)} with ${which} already exists`, 400);
}
