import { join } from "node:path";
import { colours } from "./config";
import { readStackConfig } from "./config/stack";
import { Access } from "./database/access";
import { connectionLimits } from "./database/limits";
import { loginKinds } from "./database/names";
import { createPlatform } from "./platform";
import { AccessCheck } from "./providers/access-check/resource";
import { Passwords } from "./providers/passwords/resource";
import { declareMigrations } from "./providers/schema-widen/declare";
import { SchemaWiden } from "./providers/schema-widen/resource";

// Read from top to bottom, this is the order of a rollout. What has to wait for something names it.

const config = readStackConfig();
const platform = createPlatform(config);

const server = platform.database();
const limits = connectionLimits(config.database);
const passwords = new Passwords("passwords", { names: [...loginKinds] });
const access = new Access("access", {
  connection: { ...server.address, username: server.administrator, password: server.password },
  database: config.database.name,
  template: server.template,
  passwords: passwords.each(loginKinds),
  connectionLimits: limits,
  holdsData: server.holdsData,
  server: server.resource,
});
const expected = {
  database: config.database.name,
  administrator: server.administrator,
  connectionLimits: limits,
};
const settled = platform.afterAccess(access, expected);

const schema = new SchemaWiden(
  "schema-widen",
  {
    folder: "migrations",
    migrateTo: config.migrateTo,
    migrations: declareMigrations(join(__dirname, "../migrations"), config.migrateTo),
    applied: [],
    plan: { early: [], waits: [] },
    hold: [],
    acceptEdited: [],
    acceptLoss: [],
    release: colours.map((colour) => `${colour} ${config[colour]?.version ?? "none"}`).join(", "),
    connection: { ...server.address, database: access.database, user: access.logins.migrator.user },
    password: access.logins.migrator.password,
    owner: access.owner,
  },
  { dependsOn: settled },
);
const checked = new AccessCheck(
  "access-check",
  {
    connection: { ...server.address, database: access.database, user: server.administrator },
    password: server.password,
    expected,
    schemaVersion: schema.schemaVersion,
  },
  { dependsOn: [schema] },
);

const preview = platform.previewListener();
const running = colours.flatMap((colour) => {
  const { user, password } = access.logins[colour];
  const database = { ...server.address, name: access.database, user, password };
  return platform.colour(colour, database, [schema, checked]);
});
const listener = platform.listener(running);

export const url = listener.url;
export const previewUrl = preview.url;
export const previewHeader = preview.header;
export const weights = { blue: 100 - config.greenWeight, green: config.greenWeight };
export const releases = { blue: release("blue"), green: release("green") };
export const schemaVersion = schema.schemaVersion;

function release(colour: "blue" | "green") {
  const declared = config[colour];
  return declared && { version: declared.version, schema: declared.schema, count: declared.count };
}
