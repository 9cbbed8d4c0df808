import { Dashboard } from "@pulumi/aws/cloudwatch/dashboard";
import * as pulumi from "@pulumi/pulumi";
import { dashboardBody, type Shown } from "./body";

/** One dashboard a stack, of the stack's name. */
export const dashboard = (
  name: string,
  shown: pulumi.Input<Shown>,
  base: string,
  options: pulumi.CustomResourceOptions,
): Dashboard =>
  new Dashboard(name, { dashboardName: base, dashboardBody: pulumi.output(shown).apply(dashboardBody) }, options);
