import type { Constraint } from "libpg-query";
import { as, strings } from "./tree";

/** The columns of which a CHECK says IS NOT NULL (alone or joined by AND), or that a NOT NULL constraint names. */
export function notNullColumns(constraint: Constraint): string[] {
  if (constraint.contype === "CONSTR_NOTNULL") return strings(constraint.keys);
  if (constraint.contype !== "CONSTR_CHECK") return [];
  const conditions = (node: Constraint["raw_expr"]): string[] => {
    const both = as(node, "BoolExpr");
    if (both?.boolop === "AND_EXPR") return (both.args ?? []).flatMap(conditions);
    const test = as(node, "NullTest");
    const column = as(test?.arg, "ColumnRef");
    return test?.nulltesttype === "IS_NOT_NULL" && column !== undefined ? strings(column.fields).slice(-1) : [];
  };
  return conditions(constraint.raw_expr);
}
