/** kill -9 at any moment: what a replayable source gives arrives at every sink, however often the program dies. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { launcher, Program } from './program.ts';

const EVENTS = 100_000;
const KILLS = process.env.FALCO_PIPE_LONG ? 1000 : 25;
const LIMIT = 60_000 + KILLS * 3000;
/** Events that one source may have unsettled, and what one write may hold beyond. */
const IN_FLIGHT = 10_000 + 500;

/** A sink that appends numbers to a file, and fails every third time half-way. */
const FLAPPING = `
import { defineSink } from 'falco-pipe';
import { appendFileSync } from 'node:fs';
import { z } from 'zod';
export default defineSink({
  type: 'flapping', summary: 'For tests.', config: z.strictObject({ path: z.string() }), examples: [],
  async open({ path }: { path: string }, ctx: { resolve(path: string): string }) {
    let writes = 0;
    return {
      async write(events: readonly { get(field: string): unknown }[]) {
        const fails = ++writes % 3 === 0;
        const given = fails ? events.slice(0, events.length / 2) : events;
        appendFileSync(ctx.resolve(path), given.map((event) => \`\${event.get('proc.pid')} \${event.get('id')}\\n\`).join(''));
        if (fails) throw new Error('flaps');
      },
      async close() {},
    };
  },
});
`;

test(
  `${KILLS} times while ${EVENTS} events pass two sinks, one of which flaps`,
  async () => {
    const folder = scratch();
    const record = (n: number) => ({ source: 'syscall', time: n, type: 'open', fields: { 'proc.pid': n } });
    const lines = Array.from({ length: EVENTS }, (_, n) => `${JSON.stringify(record(n))}\n`);
    writeFileSync(join(folder, 'events.jsonl'), lines.join(''));
    writeFileSync(join(folder, 'flapping.ts'), FLAPPING);
    writeFileSync(
      join(folder, 'rules.yaml'),
      '- rule: All\n  desc: d\n  condition: proc.pid >= 0\n  output: "%proc.pid"\n  priority: INFO\n',
    );
    const path = join(folder, 'pipeline.yaml');
    // So slow that it cannot end before the last kill, however long a loaded machine lets a life last.
    writeFileSync(
      path,
      `components: [./flapping.ts]
state: state
sources: { past: { type: replay, files: events.jsonl, rate: ${EVENTS / KILLS} } }
operators:
  all: { type: filter, from: past, condition: proc.pid >= 0 }
  detect: { type: rules, from: past, files: rules.yaml }
sinks:
  steady: { type: file, from: all, path: steady.jsonl, batch: 100 }
  flaps: { type: flapping, from: detect, path: flaps.txt, batch: 100, retry: { initial: 5ms, max: 20ms } }
`,
    );
    const out = join(folder, 'flaps.txt');
    writeFileSync(out, '');
    let killed = 0;
    let ended = false;
    while (killed < KILLS && !ended) {
      // The host is part of what names an event of its kernel: the same for all runs, as in Program.
      const env = { ...process.env, FALCO_HOSTNAME: 'node1' };
      const child = spawn(launcher, ['run', path, '--no-watch'], { stdio: ['ignore', 'ignore', 'ignore'], env });
      const closed = once(child, 'close');
      closed.then(() => {
        ended = true;
      });
      // Most kills come soon after something was written, some while it starts.
      const { size } = statSync(out);
      const starting = killed % 4 === 3;
      while (!starting && !ended && statSync(out).size === size) await sleep(5);
      await sleep(Math.random() * (starting ? 600 : 100));
      if (ended) break;
      child.kill('SIGKILL');
      await closed;
      ended = false;
      killed++;
    }
    expect(killed).toBe(KILLS);
    // What is left needs no patience.
    const last = await Program.run(['run', path, '--no-watch', '--set', `sources.past.rate=${EVENTS}`]);
    expect([last.code, last.stderr.includes('dropped 0')]).toEqual([0, true]);

    const steady = readFileSync(join(folder, 'steady.jsonl'), 'utf8').matchAll(/"proc\.pid":(\d+)\}/g);
    const flaps = [...readFileSync(out, 'utf8').matchAll(/^(\d+) ([0-9a-f]{32})$/gm)];
    for (const matches of [steady, flaps]) {
      const got = [...matches].map(([, n]) => Number(n));
      // Torn lines of a killed write are not counted: they were written again, or they are missing here.
      expect(new Set(got).size).toBe(EVENTS);
      expect(got.length - EVENTS).toBeLessThanOrEqual(IN_FLIGHT * (killed + 1));
    }
    // An event has the same alert id each time: a receiver that looks at it sees none twice.
    expect(new Set(flaps.map(([, , id]) => id)).size).toBe(EVENTS);
    console.info(`${killed} kills, ${flaps.length - EVENTS} duplicates at the sink that flaps`);
  },
  LIMIT,
);
