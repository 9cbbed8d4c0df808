import { assertRoomForRestore, roomOf } from "../../../providers/backup/space";
import { hasUnknown, type Provider } from "../../../providers/contract";
import { sizeOf } from "../../../providers/restore/look";
import { AwsFailed } from "../sdk-errors";
import type { RdsMomentInputs as Inputs } from "./resource";
import { restoreWindow, whyNotAt } from "./window";

const say = (line: string): void => console.error(line);

const isSame = (olds: Inputs, { at, rds }: Inputs): boolean => olds.at === at && olds.rds.instance === rds.instance;

/** @param whenSilent is told where AWS can't be asked: it judges the moment itself once it is asked for the instance */
async function whyNot({ at, rds }: Inputs, whenSilent: (error: AwsFailed) => void): Promise<string | undefined> {
  const window = await restoreWindow(rds).catch((error: unknown) => {
    if (!(error instanceof AwsFailed)) throw error;
    whenSilent(error);
    return "not asked" as const;
  });
  return whyNotAt(at, window, rds.instance, Date.now());
}

/**
 * RDS takes long for an instance, and money. How large the database was at the moment is known once that is there: what serves
 * is the best that anybody can tell before.
 */
async function assertRoom({ at, rds, serves }: Inputs): Promise<void> {
  if (serves === undefined) return;
  const { connection, password } = serves;
  try {
    const bytes = await sizeOf(connection, password);
    if (bytes === undefined) say(`${connection.database} is not there: how large it was at ${at} is not known yet`);
    else await assertRoomForRestore(bytes, await roomOf({ rds, say }), "moment");
  } catch (error) {
    throw new Error(
      `${connection.database} could not be restored as it was at ${at}: ${(error as Error).message.replace(/\.$/, "")}. ` +
        "RDS was asked for no instance, and everything serves as before; run pulumi up again",
      { cause: error },
    );
  }
}

async function bringUp(inputs: Inputs): Promise<Inputs> {
  if (inputs.hold.length > 0) throw new Error(inputs.hold.join("\n"));
  const why = await whyNot(inputs, ({ message }) => {
    say(`nobody knows yet how far back ${inputs.rds.instance} can be restored: ${message}`);
  });
  if (why !== undefined) throw new Error(why);
  await assertRoom(inputs);
  return inputs;
}

export const provider: Provider<Inputs, Inputs> = {
  // What was let through once is not asked again: the window moves on, and the instance is there.
  check: async (news, olds) => {
    if (hasUnknown([news.at, news.rds]) || (olds !== undefined && isSame(olds, news))) return [];
    const why = await whyNot(news, () => undefined);
    return why === undefined ? [] : [why];
  },
  diff: (olds, news) => ({ changes: hasUnknown([news.at, news.rds]) || !isSame(olds, news) }),
  create: async (inputs) => ({ id: `${inputs.rds.instance}/moment`, outs: await bringUp(inputs) }),
  update: (_olds, news) => bringUp(news),
  delete: () => Promise.resolve(),
};
