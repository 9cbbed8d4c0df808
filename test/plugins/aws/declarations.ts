import { existsSync, readFileSync } from "node:fs";

/** What a value has to be. */
export type Shape =
  | { kind: "string" | "number" | "boolean" | "any" }
  | { kind: "list" | "map"; of: Shape }
  /** `type`: its name in the SDK's declarations, such as "lb.ListenerDefaultAction". */
  | { kind: "object"; type: string }
  | { kind: "either"; of: Shape[] };

export interface Member {
  shape: Shape;
  required: boolean;
}

/** The text of a file of declarations. @throws {Error} that names the token when there is none. */
export function textOf(file: string | undefined, token: string): string {
  if (file === undefined || !existsSync(file))
    throw new Error(`@pulumi/aws has no ${token}; a token looks like aws:lb/targetGroup:TargetGroup`);
  return readFileSync(file, "utf8");
}

/** Reads the declarations that Pulumi generates: interfaces of properties, whose types follow a handful of forms. */
export class TypeReader {
  readonly #read = new Map<string, ReadonlyMap<string, Member>>();

  /** @param inputs the text of types/input.d.ts: a namespace a module, and interfaces in it */
  constructor(readonly inputs: string) {}

  /** The members of an interface of `source`; undefined when there is none. */
  interfaceIn(source: string, name: string): ReadonlyMap<string, Member> | undefined {
    const at = source.search(new RegExp(`\\binterface ${name} (extends .* )?\\{`));
    return at < 0 ? undefined : membersAt(source, source.indexOf("{", at) + 1);
  }

  /** The members of a nested type, such as "lb.ListenerDefaultAction". */
  nested(type: string): ReadonlyMap<string, Member> | undefined {
    const known = this.#read.get(type);
    if (known !== undefined) return known;
    const found = this.interfaceIn(this.#namespaceOf(type), type.split(".").at(-1) ?? type);
    if (found !== undefined) this.#read.set(type, found);
    return found;
  }

  #namespaceOf(type: string): string {
    const [module = ""] = type.split(".");
    if (!type.includes(".")) return this.inputs.slice(0, this.inputs.indexOf("\nexport declare namespace "));
    const begin = this.inputs.indexOf(`\nexport declare namespace ${module} {`);
    if (begin < 0) return "";
    const end = this.inputs.indexOf("\n}\n", begin);
    return this.inputs.slice(begin, end < 0 ? undefined : end);
  }
}

/** The members from just behind an interface's opening brace. */
function membersAt(source: string, from: number): ReadonlyMap<string, Member> {
  const reader = new Reader(source, from);
  const members = new Map<string, Member>();
  while (!reader.takes("}")) {
    reader.takes("readonly ");
    const name = reader.word();
    const required = !reader.takes("?");
    reader.expect(":");
    const shape = reader.type();
    reader.expect(";");
    members.set(name, { shape, required });
  }
  return members;
}

/** A cursor over declarations; blanks and comments are passed over. */
class Reader {
  constructor(
    readonly source: string,
    private at: number,
  ) {}

  #skip(): void {
    for (;;) {
      const blank = /\s*/y;
      blank.lastIndex = this.at;
      this.at += blank.exec(this.source)?.[0].length ?? 0;
      if (!this.source.startsWith("/*", this.at)) return;
      this.at = this.source.indexOf("*/", this.at) + 2;
    }
  }

  takes(text: string): boolean {
    this.#skip();
    if (!this.source.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  expect(text: string): void {
    if (this.takes(text)) return;
    throw new Error(`@pulumi/aws's declarations: expected ${text} at ${this.source.slice(this.at, this.at + 60)}`);
  }

  word(): string {
    this.#skip();
    const word = /[\w.$]+|"[^"]*"/y;
    word.lastIndex = this.at;
    const [found] = word.exec(this.source) ?? [];
    if (found === undefined) this.expect("a name");
    this.at += found?.length ?? 0;
    return found ?? "";
  }

  /** A type with all its alternatives; `undefined` among them is what `?` says already. */
  type(): Shape {
    const shapes: Shape[] = [];
    do shapes.push(...this.#single());
    while (this.takes("|"));
    const [first = { kind: "any" } as const] = shapes;
    return shapes.length === 1 ? first : { kind: "either", of: shapes };
  }

  #single(): Shape[] {
    let shapes = this.#base();
    while (this.takes("[]")) shapes = [{ kind: "list", of: shapes[0] ?? { kind: "any" } }];
    return shapes;
  }

  #base(): Shape[] {
    if (this.takes("{")) {
      this.expect("[");
      this.word();
      this.expect(":");
      this.word();
      this.expect("]");
      this.expect(":");
      const of = this.type();
      this.expect(";");
      this.expect("}");
      return [{ kind: "map", of }];
    }
    const word = this.word();
    if (word === "undefined") return [];
    if (this.takes("<")) {
      const inner = this.type();
      this.expect(">");
      return [inner];
    }
    if (word === "string" || word === "number" || word === "boolean") return [{ kind: word }];
    // Enumerations are strings that only the editor suggests.
    if (word.startsWith("enums.") || word.startsWith('"')) return [{ kind: "string" }];
    const [, nested] = /^(?:inputs|outputs)\.(.+)$/.exec(word) ?? [];
    return nested === undefined ? [{ kind: "any" }] : [{ kind: "object", type: nested }];
  }
}
