import {
  AddTagsCommand,
  DescribeListenersCommand,
  DescribeTagsCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  ModifyListenerCommand,
  RemoveTagsCommand,
  type Action,
  type Listener as Described,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Colour } from "../../rollout/types";
import type { AwsTrafficAddress, TargetCount } from "../traffic";
import { asked, balancerDimension, clientOf, type ClientSettings } from "./sdk";
import { AwsFailed } from "./sdk-errors";
import { greenWeightIn, withGreenWeight } from "./traffic-actions";
import { countTargets } from "./traffic-targets";

/** A listener as it is now. */
export interface Listener {
  readonly arn: string;
  readonly actions: readonly Action[];
  readonly greenWeight: number;
  readonly tags: Readonly<Record<string, string>>;
}

const create = (settings: ClientSettings) => new ElasticLoadBalancingV2Client(settings);

/**
 * The calls to ELBv2, one method each. A look is three calls or four, and a walk looks once a second: of the account's 40
 * Describe… calls that AWS takes at once (docs.aws.amazon.com, elb-api-throttling) it needs a tenth.
 */
export class AwsListener {
  /** For messages: what a person finds in the console. */
  readonly name: string;

  constructor(private readonly address: AwsTrafficAddress) {
    this.name = `port ${address.port} of ${balancerDimension(address.loadBalancer)}`;
  }

  /** undefined: there is no such listener, or no such load balancer. @throws AwsFailed */
  async look(): Promise<Listener | undefined> {
    const found = await this.#find();
    if (found === undefined) return undefined;
    const { ListenerArn: arn = "", DefaultActions: actions = [] } = found;
    const tags = await this.#tagsOf(arn);
    if (tags === undefined) return undefined;
    return { arn, actions, tags, greenWeight: greenWeightIn(actions, this.address.targetGroups, this.name) };
  }

  /** A target group that is not there has no targets. @throws AwsFailed */
  async targets(colour: Colour): Promise<TargetCount> {
    const arn = this.address.targetGroups[colour];
    const health = await unlessMissing(() =>
      this.#ask("DescribeTargetHealth", arn, (client) =>
        client.send(new DescribeTargetHealthCommand({ TargetGroupArn: arn })),
      ),
    );
    return countTargets(health?.TargetHealthDescriptions ?? []);
  }

  /** Not repeated where it fails: what is expected has to be looked at before. @throws AwsFailed */
  async setWeights({ arn, actions }: Listener, greenWeight: number): Promise<void> {
    const DefaultActions = withGreenWeight(actions, this.address.targetGroups, greenWeight, this.name);
    await this.#ask("ModifyListener", arn, (_, once) =>
      once.send(new ModifyListenerCommand({ ListenerArn: arn, DefaultActions })),
    );
  }

  /** null takes a tag away. @throws AwsFailed */
  async setTags(arn: string, tags: Readonly<Record<string, string | null>>): Promise<void> {
    const entries = Object.entries(tags);
    const Tags = entries.flatMap(([Key, Value]) => (Value === null ? [] : [{ Key, Value }]));
    const TagKeys = entries.flatMap(([key, value]) => (value === null ? [key] : []));
    if (Tags.length > 0)
      await this.#ask("AddTags", arn, (client) => client.send(new AddTagsCommand({ ResourceArns: [arn], Tags })));
    if (TagKeys.length > 0)
      await this.#ask("RemoveTags", arn, (client) =>
        client.send(new RemoveTagsCommand({ ResourceArns: [arn], TagKeys })),
      );
  }

  async #find(): Promise<Described | undefined> {
    const { loadBalancer, port } = this.address;
    let Marker: string | undefined;
    do {
      const page = await unlessMissing(() =>
        this.#ask("DescribeListeners", loadBalancer, (client) =>
          client.send(new DescribeListenersCommand({ LoadBalancerArn: loadBalancer, Marker })),
        ),
      );
      const found = page?.Listeners?.find(({ Port }) => Port === port);
      if (found !== undefined) return found;
      Marker = page?.NextMarker;
    } while (Marker !== undefined && Marker !== "");
    return undefined;
  }

  /** undefined: it was deleted since it was found. */
  async #tagsOf(arn: string): Promise<Readonly<Record<string, string>> | undefined> {
    const described = await unlessMissing(() =>
      this.#ask("DescribeTags", arn, (client) => client.send(new DescribeTagsCommand({ ResourceArns: [arn] }))),
    );
    if (described === undefined) return undefined;
    const tags = described.TagDescriptions?.[0]?.Tags ?? [];
    return Object.fromEntries(tags.flatMap(({ Key, Value = "" }) => (Key === undefined ? [] : [[Key, Value]])));
  }

  /** The clients are looked up each time: after a login they are new. */
  #ask<T>(
    action: string,
    on: string,
    work: (client: ElasticLoadBalancingV2Client, once: ElasticLoadBalancingV2Client) => Promise<T>,
  ): Promise<T> {
    const { connection } = this.address;
    return asked(connection, { action: `elasticloadbalancing:${action}`, on }, () =>
      work(clientOf(connection, ["elbv2"], create), clientOf(connection, ["elbv2", "once"], create, { attempts: 1 })),
    );
  }
}

async function unlessMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AwsFailed && error.kind === "missing") return undefined;
    throw error;
  }
}
