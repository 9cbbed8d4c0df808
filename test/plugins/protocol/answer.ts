import * as grpc from "@grpc/grpc-js";
import { ErrorResourceInitFailed } from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import { PartialFailure } from "./plugin";
import { toStruct } from "./values";

/** A handler for one request and one answer; what it throws is told to the engine, message only. */
export const unary =
  <Request, Response>(
    work: (request: Request) => Promise<Response> | Response,
  ): grpc.handleUnaryCall<Request, Response> =>
  (call, callback) => {
    Promise.resolve(call.request)
      .then(work)
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(asStatus(error), null),
      );
  };

function asStatus(error: unknown): Partial<grpc.StatusObject> {
  const message = error instanceof Error ? error.message : String(error);
  const status = { code: grpc.status.UNKNOWN, details: message };
  if (!(error instanceof PartialFailure)) return status;
  const failed = new ErrorResourceInitFailed()
    .setId(error.id)
    .setProperties(toStruct(error.outs))
    .setReasonsList([message]);
  const any = new Any();
  any.pack(failed.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const detail = new Status().setCode(grpc.status.UNKNOWN).setMessage(message).setDetailsList([any]);
  const metadata = new grpc.Metadata();
  // The field that the engine looks for, in Go's own way of attaching details to an error.
  metadata.add("grpc-status-details-bin", Buffer.from(detail.serializeBinary()));
  return { ...status, metadata };
}
