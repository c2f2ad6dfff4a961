/** `falco-pipe rules except`: as many alerts as there may be. */

import { expect, test } from 'vitest';
import { Case } from '../../src/cli/except/cases.ts';
import { planFor } from '../../src/cli/except/plan.ts';
import type { Rule } from '../../src/rules/index.ts';
import { load, rule } from '../rules/support.ts';

test('more unlike alerts without an exception than a call takes arguments', () => {
  const [loaded] = load(rule({ condition: 'evt.type = execve and proc.name = tool', output: 'o' }, 'R')).rules;
  const each = new Case(loaded as Rule, {} as never, new Set(), []);
  for (let n = 1; n <= 130_000; n++) {
    each.add(n, { 'proc.name': 'tool', 'proc.exepath': '/opt/a', 'user.name': `u${n}` });
  }
  const { rows, open } = planFor(each, ['proc.exepath'], 0);
  expect(rows).toHaveLength(1);
  expect(open).toHaveLength(130_000);
});
