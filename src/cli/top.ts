/** `falco-pipe top`: a terminal view of every component of a running program, once a second. */

import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { visible } from '../core/visible.ts';
import { controlFor, type ProgramStatus } from './control.ts';
import { say } from './say.ts';
import { componentTable, statusText } from './status.ts';

const EVERY = 1000;
const CLEAR = '\u001b[H\u001b[2J';

/** Shows the program that runs a pipeline until a signal or its end; once, where nobody watches a terminal. */
export async function top(name: string | undefined): Promise<void> {
  const control = await controlFor(name, resolve);
  let before = control.status;
  if (!process.stdout.isTTY) {
    say(statusText(before));
    return;
  }
  for (;;) {
    await sleep(EVERY);
    const status = (await control.get('/status').catch(() => undefined)) as ProgramStatus | undefined;
    if (!status) return;
    process.stdout.write(`${CLEAR}${visible(screen(status, before, EVERY / 1000, process.stdout.rows))}`);
    before = status;
  }
}

/** One picture: the status with rates since an earlier one, cut to the rows of the terminal. */
export function screen(status: ProgramStatus, before: ProgramStatus, seconds: number, rows: number): string {
  const earlier = new Map(before.components.map((component) => [component.id, component]));
  const now = new Map(status.components.map((component) => [component.id, component]));
  const table = componentTable(status.components, (id, value) => {
    const [then, after] = [earlier.get(id), now.get(id)];
    return then && after ? Math.max(0, value(after) - value(then)) / seconds : 0;
  });
  const [head = ''] = statusText({ ...status, components: [] }).split('\n\n');
  return [...head.split('\n'), '', ...table].slice(0, Math.max(1, rows - 1)).join('\n');
}
