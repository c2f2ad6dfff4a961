/** The names of hosts that conditions compare addresses with: they are looked up before events come. */

import type { TypedExpr } from '../check/typed-ast.ts';

/** The constants that fields with names of hosts are compared with. */
export function hostsIn(conditions: Iterable<{ readonly typed: TypedExpr }>): ReadonlySet<string> {
  const hosts = new Set<string>();
  for (const { typed } of conditions) collect(typed, hosts);
  return hosts;
}

function collect(expr: TypedExpr, into: Set<string>): void {
  if (expr.kind === 'not') collect(expr.item, into);
  else if (expr.kind !== 'check') for (const item of expr.items) collect(item, into);
  else if (expr.left.kind === 'field' && expr.left.ref.field.hosts)
    for (const constant of expr.constants ?? []) if (typeof constant === 'string') into.add(constant);
}
