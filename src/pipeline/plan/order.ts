/** The order in which operators are planned and closed. */

import { placeText } from '../../core/errors.ts';
import type { OperatorDraft } from './drafts.ts';
import type { Findings } from './findings.ts';

/** The ids of operators, upstream before downstream. Circles are said in `findings`, each with all of its places. */
export function orderOf(operators: ReadonlyMap<string, OperatorDraft>, findings: Findings): string[] {
  const order: string[] = [];
  const done = new Set<string>();
  // Depth first; an operator that is met again on the way up to it closes a circle.
  const visit = (id: string, trail: readonly string[]): void => {
    const operator = operators.get(id);
    if (!operator || done.has(id)) return;
    const met = trail.indexOf(id);
    if (met >= 0) {
      sayCircle([...trail.slice(met), id].reverse(), operators, findings);
      return;
    }
    for (const origin of operator.from) visit(origin, [...trail, id]);
    done.add(id);
    order.push(id);
  };
  for (const id of operators.keys()) visit(id, []);
  return order;
}

// As events would go: each operator reads from the one before it.
function sayCircle(circle: readonly string[], operators: ReadonlyMap<string, OperatorDraft>, findings: Findings): void {
  const [first, ...others] = circle.slice(1).map((id, index) => {
    const { path, from } = operators.get(id) as OperatorDraft;
    const origin = circle[index] as string;
    const at = findings.place([...path, 'from', from.indexOf(origin)]);
    return { at, step: `${id} reads from ${origin}: ${placeText(at)}` };
  });
  findings.all.push({
    severity: 'error',
    code: 'CONFIG_CYCLE',
    message: `The operators go in a circle: ${circle.join(' -> ')}`,
    ...(first ? { at: first.at } : {}),
    via: others.map(({ step }) => step),
  });
}
