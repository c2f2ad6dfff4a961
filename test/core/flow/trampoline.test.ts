import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Trampoline } from '../../../src/core/flow/trampoline.ts';

interface Work {
  readonly causes: Work[];
}

/** Work that causes work: each after the first is caused by one before it. */
const tree = fc.array(fc.nat(), { maxLength: 20 }).map((causers) => {
  const all: Work[] = [{ causes: [] }];
  for (const causer of causers) {
    const work: Work = { causes: [] };
    all[causer % all.length]?.causes.push(work);
    all.push(work);
  }
  return all[0] as Work;
});

describe('Trampoline', () => {
  it('runs what a delivery causes after it, in the order it was caused', () => {
    fc.assert(
      fc.property(tree, (root) => {
        const trampoline = new Trampoline();
        const order: Work[] = [];
        let depth = 0;
        const run = (work: Work) =>
          trampoline.run(() => {
            expect(++depth).toBe(1);
            order.push(work);
            for (const cause of work.causes) run(cause);
            depth--;
          });
        run(root);
        // Breadth first, as a queue has it.
        const expected: Work[] = [root];
        for (const work of expected) expected.push(...work.causes);
        expect(order).toEqual(expected);
      }),
    );
  });
});
