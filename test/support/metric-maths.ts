// Metric maths as CloudWatch does them, written from its guide and from nothing of the program: what a test holds declared alarms
// against. A series has one value a period, oldest first; null where there is no figure.

export type Series = readonly (number | null)[];

/** The value of an expression over series of equal length. @throws for anything of the language that isn't used here. */
export function evaluate(expression: string, series: Readonly<Record<string, Series>>): Series {
  const length = Math.max(...Object.values(series).map((each) => each.length));
  const tokens = expression.match(/[A-Za-z_]\w*|\d+(\.\d+)?|>=|<=|==|[-+*/()<>,[\]]/g) ?? [];
  if (tokens.join("") !== expression.replaceAll(/\s/g, "")) throw new Error(`not read whole: ${expression}`);
  let at = 0;
  const peek = () => tokens[at];
  const take = (expected?: string): string => {
    const token = tokens[at++];
    if (token === undefined || (expected !== undefined && token !== expected))
      throw new Error(`${expression}: found ${token ?? "its end"}, expected ${expected ?? "more"}`);
    return token;
  };
  const constant = (value: number): Series => Array.from({ length }, () => value);
  const zip = (a: Series, b: Series, of: (x: number, y: number) => number | null): Series =>
    a.map((x, i) => {
      const y = b[i] ?? null;
      return x === null || y === null ? null : of(x, y);
    });

  const binary = (next: () => Series, operators: Record<string, (x: number, y: number) => number | null>) => () => {
    let left = next();
    for (let of = operators[peek() ?? ""]; of !== undefined; of = operators[peek() ?? ""]) {
      take();
      left = zip(left, next(), of);
    }
    return left;
  };
  const truth = (holds: boolean): number => (holds ? 1 : 0);
  const product = binary(factor, { "*": (x, y) => x * y, "/": (x, y) => (y === 0 ? null : x / y) });
  const sum = binary(product, { "+": (x, y) => x + y, "-": (x, y) => x - y });
  const comparison = binary(sum, {
    ">": (x, y) => truth(x > y),
    "<": (x, y) => truth(x < y),
    ">=": (x, y) => truth(x >= y),
    "<=": (x, y) => truth(x <= y),
    "==": (x, y) => truth(x === y),
  });
  const whole = binary(comparison, {
    AND: (x, y) => truth(x !== 0 && y !== 0),
    OR: (x, y) => truth(x !== 0 || y !== 0),
  });

  function factor(): Series {
    const token = take();
    if (token === "(") return closed(whole(), ")");
    if (/^\d/.test(token)) return constant(Number(token));
    if (peek() !== "(") {
      const found = series[token];
      if (found === undefined) throw new Error(`${expression}: there is no figure ${token}`);
      return found;
    }
    take("(");
    if (token === "FILL") return closed(filled(), ")");
    if (token === "IF") return closed(chosen(), ")");
    if (token === "MAX") return closed(greatest(), ")");
    throw new Error(`${expression}: ${token} is not known here`);
  }
  function closed(value: Series, by: string): Series {
    take(by);
    return value;
  }
  function filled(): Series {
    const values = whole();
    take(",");
    if (peek() !== "REPEAT") {
      const by = Number(take());
      return values.map((value) => value ?? by);
    }
    take();
    let last: number | null = null;
    return values.map((value) => (last = value ?? last));
  }
  function chosen(): Series {
    const condition = whole();
    take(",");
    const then = whole();
    take(",");
    const otherwise = whole();
    // Where the condition has no figure there is none.
    return condition.map((value, i) => (value === null ? null : ((value === 0 ? otherwise[i] : then[i]) ?? null)));
  }
  function greatest(): Series {
    take("[");
    let all = whole();
    while (peek() === ",") {
      take();
      all = zip(all, whole(), Math.max);
    }
    return closed(all, "]");
  }

  const value = whole();
  if (at !== tokens.length) throw new Error(`${expression}: more than one expression`);
  return value;
}

/** What CloudWatch decides by the newest periods: in ALARM, OK, or as it was before. */
export function stateOf(
  values: Series,
  beyond: (value: number) => boolean,
  { periods, needed, missing }: { periods: number; needed: number; missing: string },
): "ALARM" | "OK" | "unchanged" {
  const newest = values.slice(-periods);
  if (newest.every((value) => value === null) && missing === "ignore") return "unchanged";
  const count = newest.filter((value) => (value === null ? missing === "breaching" : beyond(value))).length;
  return count >= needed ? "ALARM" : "OK";
}
