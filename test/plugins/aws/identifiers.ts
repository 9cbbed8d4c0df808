import { randomBytes } from "node:crypto";
import { accountId } from "./account";
import type { Here } from "./definition";

const hex = (length: number): string => randomBytes(length).toString("hex").slice(0, length);

/** An id as EC2 gives them, such as vpc-0a1b2c3d4e5f60718. */
export const ec2Id = (prefix: string): string => `${prefix}-0${hex(16)}`;

/** Sixteen hexadecimal digits, as in the ARNs of load balancers. */
export const suffix = (): string => hex(16);

/** Upper-case letters and digits, as IAM's and RDS's unique ids. */
export const upperId = (prefix: string, length: number): string => prefix + hex(length).toUpperCase();

/** An ARN of the account here. */
export const arn = ({ region }: Pick<Here, "region">, service: string, resource: string): string =>
  `arn:aws:${service}:${region}:${accountId}:${resource}`;

/** An ARN of a service without regions, such as IAM. */
export const globalArn = (service: string, resource: string): string => `arn:aws:${service}::${accountId}:${resource}`;
