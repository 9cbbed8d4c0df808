import { randomBytes } from "node:crypto";
import type { Provider } from "../contract";
import type { PasswordsInputs, PasswordsState } from "./resource";

/** 192 bits, in characters that need no quoting in a URL, a shell or a connection string. */
const makePassword = (): string => randomBytes(24).toString("base64url");

const passwordsFor = (names: string[], kept: Record<string, string> = {}): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, kept[name] ?? makePassword()]));

export const provider: Provider<PasswordsInputs, PasswordsState> = {
  diff: (olds, news) => ({ changes: JSON.stringify(olds.names) !== JSON.stringify(news.names) }),
  create: ({ names }) => Promise.resolve({ id: "passwords", outs: { names, passwords: passwordsFor(names) } }),
  update: (olds, { names }) => Promise.resolve({ names, passwords: passwordsFor(names, olds.passwords) }),
  delete: () => Promise.resolve(),
};
