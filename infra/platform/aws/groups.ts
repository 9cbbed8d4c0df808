import type * as ec2 from "@pulumi/aws/ec2";
import * as pulumi from "@pulumi/pulumi";
import type { AwsConfig } from "../../config";
import type { Account } from "./account";
import { databasePort } from "./database";
import type { Network } from "./network";
import { connect, letIn, letOut, securityGroup } from "./rules";
import { waive } from "./waive";

/** Who may speak to whom. Each group begins closed; what it may do stands here, in one place. */
export class Groups extends pulumi.ComponentResource {
  readonly balancer: ec2.SecurityGroup;
  readonly copies: ec2.SecurityGroup;
  readonly database: ec2.SecurityGroup;
  /** For whoever runs `pulumi up` inside the VPC: a runner of a pipeline, or the bastion. */
  readonly deployer: ec2.SecurityGroup;
  /** What reads the database's own figures. */
  readonly collector: ec2.SecurityGroup;
  /** Of the proxy, where there is one. */
  readonly proxy: ec2.SecurityGroup | undefined;
  /** What a colour, a deployer and the collector need before they can reach the database. */
  readonly rules: pulumi.Resource[] = [];
  /** What anybody needs before they can reach the load balancer. */
  readonly doors: pulumi.Resource[] = [];

  constructor(
    name: string,
    config: Pick<AwsConfig, "domain" | "rds" | "service">,
    { base }: Account,
    network: Network,
    options: pulumi.ComponentResourceOptions,
  ) {
    super("switchyard:aws:Groups", name, {}, options);
    const group = (of: string, description: string) =>
      securityGroup(of, { base, vpcId: network.vpcId, description }, this);
    this.balancer = group("balancer", "The load balancer of the stack");
    this.copies = group("copies", "Copies of both colours");
    this.database = group("database", "The database of the stack");
    this.deployer = group("deployer", "Whoever runs pulumi up in the VPC");
    this.collector = group("collector", "What reads the figures of the database itself");
    this.proxy = config.rds.proxy ? group("proxy", "The connection proxy of the database") : undefined;
    this.#balancer(config, network);
    const { port } = config.service;
    this.rules.push(
      ...connect("requests", this.balancer, this.copies, { description: "Requests and health checks", port }),
      letOut(
        "copies-https",
        this.copies,
        { cidr: "0.0.0.0/0" },
        { description: "Images, secrets, logs, other services", port: 443 },
      ),
      letOut(
        "deployer-https",
        this.deployer,
        { cidr: "0.0.0.0/0" },
        { description: "AWS, and the listeners of the stack", port: 443 },
      ),
      ...connect("deployer-database", this.deployer, this.database, {
        description: "Roles, migrations, dumps",
        port: databasePort,
      }),
      letOut("collector-https", this.collector, { cidr: "0.0.0.0/0" }, { description: "Its password", port: 443 }),
      ...connect("collector-database", this.collector, this.database, {
        description: "Figures of the database",
        port: databasePort,
      }),
      ...(this.proxy === undefined
        ? connect("copies-database", this.copies, this.database, { description: "The service", port: databasePort })
        : [
            // A proxy always listens on the usual port.
            ...connect("copies-proxy", this.copies, this.proxy, { description: "The service", port: 5432 }),
            ...connect("proxy-database", this.proxy, this.database, { description: "The service", port: databasePort }),
          ]),
    );
    this.registerOutputs({});
  }

  #balancer({ domain }: Pick<AwsConfig, "domain">, network: Network): void {
    domain.accessFrom.forEach((cidr, at) => {
      const requests = letIn(`https-${at}`, this.balancer, { cidr }, { description: "Requests", port: 443 });
      const redirect = letIn(`http-${at}`, this.balancer, { cidr }, { description: "Redirected to HTTPS", port: 80 });
      waive(redirect, ["CKV_AWS_260"], "port 80 answers nothing but a redirect to HTTPS");
      this.doors.push(requests, redirect);
    });
    const { port, from } = domain.preview;
    this.doors.push(
      ...from.map((cidr, at) =>
        letIn(`preview-${at}`, this.balancer, { cidr }, { description: "Colours before they have traffic", port }),
      ),
      ...network.exits.map((address, at) =>
        letIn(
          `preview-exit-${at}`,
          this.balancer,
          { cidr: pulumi.interpolate`${address}/32` },
          { description: "Colours before they have traffic, from the VPC itself", port },
        ),
      ),
      letOut(
        "deployer-preview",
        this.deployer,
        { cidr: "0.0.0.0/0" },
        { description: "The preview listener of the stack", port },
      ),
    );
  }
}
