import type { PerColour } from "../rollout/types";
import type { AwsConnection } from "./aws/sdk";

/** Where a provider finds the production listener. Plain data: it is an input of the traffic resources. */
export interface LocalTrafficAddress {
  kind: "local";
  adminPort: number;
  /** Secret. */
  token: string;
}

/** A listener of an Application Load Balancer. Nothing in it is secret. */
export interface AwsTrafficAddress {
  kind: "aws";
  connection: AwsConnection;
  /** ARN; the listener is found by it and the port, and so survives that it is replaced. */
  loadBalancer: string;
  /** 1..65535. */
  port: number;
  /** ARNs of what its weights are for. */
  targetGroups: PerColour<string>;
}
export type TrafficAddress = LocalTrafficAddress | AwsTrafficAddress;

/** Where the listener is, without what it takes to change it: stack outputs hold no secret. */
export type ListenerPlace = Omit<LocalTrafficAddress, "token"> | AwsTrafficAddress;

/** What of a colour's targets can take requests. */
export interface TargetCount {
  registered: number;
  healthy: number;
  /** Whose process answers, ready or not: one that waits for its database is alive. */
  alive: number;
}

/** A production listener as it is now. */
export interface LiveTraffic {
  /** Percent of new requests that green gets, 0..100. */
  greenWeight: number;
  tags: Readonly<Record<string, string>>;
  targets: PerColour<TargetCount>;
}

/** Of what is left out, nothing is compared; a tag of null stands for "no such tag". */
export interface TrafficExpectation {
  greenWeight?: number;
  tag?: { key: string; value: string | null };
}

export interface TrafficChange {
  greenWeight?: number;
  /** Tags to set; null removes one. */
  tags?: Readonly<Record<string, string | null>>;
}

/** The weights of a production listener, and the tags that fence who may change them. */
export interface Traffic {
  /** undefined: there is no production listener yet. @throws TrafficUnreachable when nothing can be asked. */
  read(): Promise<LiveTraffic | undefined>;
  /**
   * Makes the change if what is expected still holds, and not otherwise.
   * @throws TrafficMoved when it doesn't hold; TrafficUnreachable.
   */
  change(change: TrafficChange, expect?: TrafficExpectation): Promise<void>;
  /**
   * Why traffic can't be changed for that long, such as credentials that end: asked before each step of a walk, which must be
   * able to put its weights back. undefined: nothing speaks against it. Left out where nothing ends.
   * @param milliseconds from now.
   */
  endsWithin?(milliseconds: number): Promise<string | undefined>;
}

/** Somebody else changed the weights or took over the tag. */
export class TrafficMoved extends Error {
  override readonly name = "TrafficMoved";
}

/** Nothing answers where the listener should be; whether a change was made is not known. */
export class TrafficUnreachable extends Error {
  override readonly name = "TrafficUnreachable";
}

/* eslint-disable @typescript-eslint/no-require-imports -- each platform's own part is loaded when it is used */

/** The traffic at an address. */
export function trafficAt(address: TrafficAddress): Traffic {
  if (address.kind === "aws") return (require("./aws/traffic") as typeof import("./aws/traffic")).awsTraffic(address);
  return (require("./local/traffic") as typeof import("./local/traffic")).localTraffic(address);
}
