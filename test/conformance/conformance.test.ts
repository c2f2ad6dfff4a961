/** Falco's own answers, where the reference data lies beside the repository. */

import { describe, expect, test } from 'vitest';
import { sharedJson } from '../events/shared.ts';
import type { Case } from './differences.ts';
import { makeRunners } from './kinds.ts';

/** Cases in which we differ on purpose: Falco's answer is a mistake that would hide or lose something. */
const better: Readonly<Record<string, string>> = {
  'eval/1614': 'toupper of a list can match',
};

const cases = (sharedJson('data/falco/filter_cases.json') as { cases: readonly Case[] } | undefined)?.cases ?? [];

describe.runIf(cases.length > 0)("Falco's answers", () => {
  const generated = Object.entries(makeRunners('generated')).map(([kind, run]) => ({ kind, engine: 'generated', run }));
  const closures = Object.entries(makeRunners('closures')).map(([kind, run]) => ({ kind, engine: 'closures', run }));
  const engines = [...generated, ...closures.filter(({ kind }) => kind.startsWith('eval'))];
  test.each(engines)('$kind, $engine', ({ kind, run }) => {
    const own = cases.filter((each) => each.kind === kind);
    expect(own.length).toBeGreaterThan(0);
    const wrong = own.flatMap((each) => {
      const difference = run(each);
      return difference === undefined || better[each.id] !== undefined ? [] : [`${each.id}: ${difference}`];
    });
    expect(wrong).toEqual([]);
  });
});
