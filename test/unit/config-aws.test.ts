import assert from "node:assert/strict";
import { connectionsOf, memoryOf } from "../../infra/config/sections/rds";
import { aws, awsRelease, domain, load, local, localRelease, refuses } from "./config-support";

const subnets = ["subnet-0a1b2c3d", "subnet-1a1b2c3d"];

describe("a stack on AWS", () => {
  it("has the settings of AWS, and says what they are by default", () => {
    const config = load(aws);
    assert.ok(config.platform === "aws");
    assert.equal(config.network.cidr, "10.40.0.0/16");
    assert.equal(config.rds.backupDays, 35);
    assert.equal(config.service.maximum, 4);
    assert.deepEqual(config.domain.accessFrom, ["0.0.0.0/0"]);
  });

  it("can't be without a certificate and a name", () => {
    refuses({ platform: "aws", blue: awsRelease }, "domain", "domain.certificate", "domain.names[0]");
    refuses({ ...aws, domain: { ...domain, names: [] } }, "domain.names", "1 or more DNS names");
    refuses({ ...aws, domain: { ...domain, names: ["Pages.example.com"] } }, "domain.names");
  });

  const own = { network: { zones: 3 }, domain, rds: { multiAz: true }, service: { port: 9000 } };
  for (const [section, value] of Object.entries(own))
    it(`alone has ${section}`, () => refuses({ ...local, [section]: value }, section, "settings of platform aws"));

  for (const [name, value] of Object.entries({
    cpu: { high: 60 },
    memory: { critical: 95 },
    diskLatency: "5ms",
    freeStorage: 20,
    anomalyWidth: 2,
  }))
    // prettier-ignore
    it(`alone has alarms.${name}`, () =>
      refuses({ ...local, alarms: { [name]: value } }, `alarms.${name}`, "settings of platform aws"));

  it("has limits of alarms, of which one machine has those on requests and connections too", () => {
    const alarms = { errorRate: { high: 0.02 }, minRequests: 50, p95: { critical: "2s" }, connections: 90 };
    const expected = { errorRate: { high: 0.02, critical: 0.05 }, minRequests: 50, p95: { high: 500, critical: 2_000 }, connections: 90 }; // prettier-ignore
    for (const stack of [local, aws]) {
      const { errorRate, minRequests, p95, connections } = load({ ...stack, alarms }).alarms;
      assert.deepEqual({ errorRate, minRequests, p95, connections }, expected);
      refuses({ ...stack, alarms: { p95: { high: "1s" } } }, "alarms.p95.critical", "not above alarms.p95.high 1s", "alarms.p95.high' 500ms"); // prettier-ignore
    }
    refuses({ ...aws, alarms: { cpu: { high: 90 } } }, "alarms.cpu.critical", "not above alarms.cpu.high 90");
  });

  it("has the digest of low alarms told at 08:00 of UTC, or at the time of day that config says", () => {
    const at = (notify: object) => {
      const config = load({ ...aws, notify });
      assert.ok(config.platform === "aws");
      return config.notify.low.digest;
    };
    assert.equal(at({}), "08:00");
    for (const time of ["00:00", "09:30", "23:59"]) assert.equal(at({ low: { digest: time } }), time);
    // YAML makes 480 of 08:00 where it isn't in quotes and the reader is an old one.
    for (const time of ["24:00", "8:00", "08:60", "08:00Z", "08:00:00", "", 480])
      refuses({ ...aws, notify: { low: { digest: time } } }, "notify.low.digest", "a time of day in UTC from 00:00 to 23:59"); // prettier-ignore
    refuses({ ...aws, notify: { medium: { digest: "08:00" } } }, "notify.medium.digest");
  });

  it("alone reaches its database through a tunnel", () => {
    const database = { via: { port: 15432 } };
    refuses({ ...local, database }, "database.via", "settings of platform aws");
    assert.deepEqual(load({ ...aws, database }).database.via, { host: "127.0.0.1", port: 15432, sslmode: "verify-ca" });
  });

  it("bakes for 5 minutes or more, since figures come late", () => {
    refuses({ ...aws, bake: { bake: "299s" } }, "bake.bake", "5m or more", "set --path 'switchyard:bake.bake' 5m");
    refuses({ ...aws, bake: { bake: "1m", maxBake: "2m" } }, "bake.bake", "'switchyard:bake.maxBake' 5m");
    assert.equal(load({ ...aws, bake: { bake: "5m" } }).bake.bake, 300_000);
  });

  it("runs what a digest or the version's own tag names, and no tag that moves", () => {
    const release = (image: string, version = "1.4.0") => ({ ...aws, blue: { ...awsRelease, version, image } });
    refuses(release("pages:1.4.1"), "blue.image", "1.4.0 or v1.4.0", "pages:1.4.0");
    refuses(release("pages:main", "main"), "blue.image", "a version without a digit");
    for (const image of ["pages:1.4.0", "pages:v1.4.0", `pages:main@sha256:${"a".repeat(64)}`])
      assert.equal(load(release(image)).platform, "aws");
    assert.equal(load({ ...local, blue: localRelease }).platform, "local");
  });

  it("has its own network, or names one whole", () => {
    const named = { vpcId: "vpc-0a1b2c3d", publicSubnetIds: subnets, privateSubnetIds: subnets };
    assert.equal(load({ ...aws, network: named }).platform, "aws");
    refuses({ ...aws, network: { ...named, privateSubnetIds: [] } }, "network.privateSubnetIds", "2 or 3 subnets");
    refuses({ ...aws, network: { publicSubnetIds: subnets } }, "network.publicSubnetIds", "without network.vpcId");
    refuses({ ...aws, network: { cidr: "10.40.0.0/24" } }, "network.cidr", "/16 to /20");
  });

  it("opens the preview listener to no more than a /8", () =>
    refuses({ ...aws, domain: { ...domain, preview: { from: ["0.0.0.0/0"] } } }, "domain.preview.from"));

  it("has an instance that holds its connections, and storage that can grow", () => {
    refuses(
      { ...aws, rds: { instanceClass: "db.t4g.micro" } },
      "rds.instanceClass",
      "112 connections",
      "db.m7g.medium",
    );
    refuses({ ...aws, rds: { storage: 100, maxStorage: 109 } }, "rds.maxStorage", "110 or more");
    assert.equal(load({ ...aws, rds: { instanceClass: "db.x2g.large" } }).platform, "aws");
  });

  it("has a size that Fargate offers, and drains within the time that a copy has", () => {
    refuses(
      { ...aws, service: { cpu: 1024, memory: 1024 } },
      "service.memory",
      "2048 to 8192",
      "'switchyard:service.memory' 2048",
    );
    refuses(
      { ...aws, service: { deregistrationDelay: "90s" } },
      "service.deregistrationDelay",
      "at most service.stopTimeout",
    );
  });

  it("keeps the count of a colour between minimum and maximum", () => {
    const blue = { ...awsRelease, count: 5 };
    refuses({ ...aws, blue }, "blue.count", "above service.maximum 4", "'switchyard:service.maximum' 5");
    refuses({ ...aws, service: { minimum: 3 } }, "blue.count", "below service.minimum 3");
    assert.equal(load({ ...aws, green: { ...awsRelease, count: 0 } }).green?.count, 0);
  });

  it("shrinks pools as copies are added, and refuses a maximum that leaves too little for each", () => {
    const service = { maximum: 11 };
    refuses(
      { ...aws, service },
      "service.maximum",
      "22 copies while a release is replaced: 4 of 100",
      "'switchyard:service.maximum' 10",
    );
    assert.equal(load({ ...aws, service: { maximum: 10 } }).platform, "aws");
    assert.equal(load({ ...aws, service, database: { pool: { min: 4 } } }).platform, "aws");
  });
});

describe("memory of an instance class", () => {
  it("is what AWS lists, for the families that are known", () => {
    const known = {
      "db.t4g.micro": 1,
      "db.t3.medium": 4,
      "db.m7g.large": 8,
      "db.m6i.4xlarge": 64,
      "db.r7g.2xlarge": 64,
    };
    for (const [name, memory] of Object.entries(known)) assert.equal(memoryOf(name), memory, name);
    assert.equal(memoryOf("db.z1d.large"), undefined);
  });

  it("holds as many connections as RDS's own default says, 5000 at the most", () => {
    assert.equal(connectionsOf(4), 450);
    assert.equal(connectionsOf(1024), 5000);
  });
});
