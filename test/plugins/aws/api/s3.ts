import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Account, Rows } from "../account";
import { AwsError } from "../errors";
import { objectToken } from "../resources/storage";
import { text } from "../values";
import { xml } from "./query";

/** What a policy calls a request. */
export function s3Action({ method = "GET", url = "/" }: IncomingMessage): string {
  const [, key = ""] = /^\/[^/?]*\/([^?]+)/.exec(url) ?? [];
  if (method === "PUT" || method === "POST") return "PutObject";
  return method === "DELETE" ? "DeleteObject" : key === "" ? "ListBucket" : "GetObject";
}

/** Objects of a bucket, as far as a store of backups and records needs them: whole ones, by path. */
export function s3(account: Account, request: IncomingMessage, body: Buffer, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://s3");
  const [bucket = "", ...rest] = decodeURIComponent(url.pathname.slice(1)).split("/");
  const key = rest.join("/");
  account.change((rows) => {
    if (rows.get("aws:s3/bucket:Bucket", bucket) === undefined)
      throw new AwsError("NoSuchBucket", "The specified bucket does not exist", 404);
    if (key === "" && request.method === "GET") list(rows, bucket, url.searchParams, response);
    else if (url.searchParams.has("uploads") || url.searchParams.has("uploadId"))
      throw new AwsError("NotImplemented", "the stand-in for S3 has no uploads in parts: store less than 16 MiB", 501);
    else if (request.method === "PUT") put(rows, bucket, key, request, body, response);
    else if (request.method === "DELETE") {
      rows.remove(objectToken, `${bucket}/${key}`);
      response.writeHead(204).end();
    } else get(rows, bucket, key, request, response);
  });
}

function put(
  rows: Rows,
  bucket: string,
  key: string,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
) {
  const id = `${bucket}/${key}`;
  if (request.headers["if-none-match"] === "*" && rows.get(objectToken, id) !== undefined)
    throw new AwsError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412);
  if (request.headers["content-encoding"]?.includes("aws-chunked") === true)
    throw new AwsError("NotImplemented", "the stand-in for S3 takes no body in chunks", 501);
  const etag = createHash("md5").update(body).digest("hex");
  const outs = { bucket, key, etag, content: body.toString("base64"), at: new Date().toISOString() };
  rows.put({ token: objectToken, id, outs });
  response.writeHead(200, { etag: `"${etag}"` }).end();
}

function get(rows: Rows, bucket: string, key: string, request: IncomingMessage, response: ServerResponse): void {
  const outs = rows.get(objectToken, `${bucket}/${key}`)?.outs;
  if (outs === undefined) throw new AwsError("NoSuchKey", "The specified key does not exist.", 404);
  const content = Buffer.from(text(outs, "content"), "base64");
  response.writeHead(200, { "content-length": content.length, etag: `"${text(outs, "etag")}"` });
  response.end(request.method === "HEAD" ? undefined : content);
}

function list(rows: Rows, bucket: string, query: URLSearchParams, response: ServerResponse): void {
  const prefix = query.get("prefix") ?? "";
  const objects = rows
    .all(objectToken)
    .map(({ outs }) => outs)
    .filter((outs) => outs["bucket"] === bucket && text(outs, "key").startsWith(prefix))
    .map((outs) => ({
      Key: text(outs, "key"),
      LastModified: text(outs, "at"),
      ETag: `"${text(outs, "etag")}"`,
      Size: Buffer.from(text(outs, "content"), "base64").length,
    }));
  const contents = objects.map((object) => `<Contents>${xml(object)}</Contents>`).join("");
  const head = xml({ Name: bucket, Prefix: prefix, KeyCount: objects.length, IsTruncated: false });
  response
    .writeHead(200, { "content-type": "application/xml" })
    .end(`<ListBucketResult>${head}${contents}</ListBucketResult>`);
}
