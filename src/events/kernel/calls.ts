/** System calls by the number that their records carry (native/calls.yaml). */

import { CALLS, type Call } from '../../../native/calls.ts';
import { CALL, CHDIR, OPEN, SOCKET } from './layout.ts';

export interface NamedCall extends Call {
  readonly name: string;
}

const byId: (NamedCall | undefined)[] = [];
for (const [name, call] of Object.entries(CALLS)) byId[call.id] = { name, ...call };

/** The numbers of all calls. */
export const callNumbers: readonly number[] = Object.values(CALLS).map(({ id }) => id);

/** Where records of calls have the number of their call and what it returned: all kinds at the same place. */
export const NR = CALL.nr;
export const RET = CALL.ret;
for (const kind of [OPEN, SOCKET, CHDIR]) {
  if (kind.nr !== NR || kind.ret !== RET) throw new Error('native/records.yaml: records of calls begin differently');
}

/** The call of that number; undefined when this build knows none. */
export function callOf(id: number): NamedCall | undefined {
  return byId[id];
}
