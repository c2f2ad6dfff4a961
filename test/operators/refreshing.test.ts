/** What is read again while an operator works: what fails is said, and comes again; what the stop prevents is neither. */

import { expect, it } from 'vitest';
import { Stopping } from '../../src/core/errors.ts';
import { refreshing } from '../../src/operators/shared/refreshing.ts';

it('says what fails, and nothing when the run stops', async () => {
  const outcomes = [new Error('no answer'), undefined, new Stopping('the pipeline stops')];
  const said: string[] = [];
  let refreshes = 0;
  const sleep = async () => {
    if (refreshes === outcomes.length) throw new Error('the operator has stopped');
  };
  const refresh = async () => {
    const outcome = outcomes[refreshes++];
    if (outcome) throw outcome;
  };
  const { signal } = new AbortController();
  await refreshing(1, { sleep, signal }, refresh, (error) => void said.push(String(error)));
  expect([refreshes, said]).toEqual([3, ['Error: no answer']]);
});
