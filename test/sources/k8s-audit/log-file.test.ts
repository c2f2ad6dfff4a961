/** The source `k8s_audit` on a log that is written, rotated, cut and broken. */

import {
  appendFileSync,
  copyFileSync,
  existsSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { k8sAudit } from '../../../src/sources/k8s-audit/index.ts';
import { scratch } from '../../scratch.ts';
import { Harness, type HarnessOptions } from '../harness.ts';
import { auditEvent, auditLines, namesOf } from './events.ts';

let folder = '';
let log = '';
const open: Harness[] = [];
beforeEach(() => {
  folder = scratch();
  log = join(folder, 'audit.log');
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

function follow(config: object = {}, options: HarnessOptions = {}): Harness {
  const source = new Harness(k8sAudit, { mode: 'file', file: log, start: 'beginning', ...config }, options);
  open.push(source);
  return source;
}

const names = (source: Harness) => source.values('ka.target.name');
const has = (count: number) => (source: Harness) => source.events.length >= count;
/** Some looks at the file later. */
const later = (source: Harness) => {
  const from = source.slept.length;
  return source.until(({ slept }) => slept.length >= from + 4);
};

describe('reading', () => {
  it('begins at the end, or at the beginning when it is told to', async () => {
    writeFileSync(log, auditLines(3));
    const atEnd = follow({ start: 'end' });
    await later(atEnd);
    appendFileSync(log, auditLines(2, 3));
    await atEnd.until(has(2));
    expect(names(atEnd)).toEqual(namesOf(2, 3));
    const all = follow();
    await all.until(has(5));
    expect(names(all)).toEqual(namesOf(5));
  });

  it('has the name of its cluster', async () => {
    writeFileSync(log, auditLines(1));
    const source = follow({ cluster: 'prod' });
    await source.until(has(1));
    expect(source.values('ka.cluster.name')).toEqual(['prod']);
  });

  it('begins with the oldest part that is there, where it is to begin at the beginning', async () => {
    writeFileSync(`${log}.2`, auditLines(1));
    writeFileSync(`${log}.1`, auditLines(1, 1));
    writeFileSync(log, auditLines(1, 2));
    utimesSync(`${log}.2`, 1000, 1000);
    utimesSync(`${log}.1`, 2000, 2000);
    const source = follow();
    await source.until(has(3));
    expect(names(source)).toEqual(namesOf(3));
  });

  it('waits for the rest of a line, also of one that it began in the middle of', async () => {
    const line = auditLines(1);
    writeFileSync(log, auditLines(1, 7) + line.slice(0, 40));
    const source = follow({ start: 'end' });
    await later(source);
    appendFileSync(log, line.slice(40, 80));
    await later(source);
    expect(source.events).toEqual([]);
    appendFileSync(log, line.slice(80));
    await source.until(has(1));
    expect(names(source)).toEqual(['p0']);
  });

  it('counts lines that are no events, and goes on', async () => {
    const lines = ['{', 'null', '[]', '', '   ', '{"kind":"Pod"}', '"\\u0000"'];
    writeFileSync(log, `${lines.join('\n')}\n${auditLines(1)}`);
    const source = follow();
    await source.until(has(1));
    expect(names(source)).toEqual(['p0']);
    expect(source.said.sort()).toEqual(['drop bad_event 1', 'drop bad_event 1', 'drop bad_event 1', 'drop bad_line 1']);
  });

  it('drops a line that is too long without holding it', async () => {
    const huge = JSON.stringify(auditEvent(1, { requestObject: 'x'.repeat(3_000_000) }));
    writeFileSync(log, `${auditLines(1)}${huge}\n${auditLines(1, 2)}`);
    const source = follow({ max_event: '64KiB' });
    await source.until(has(2));
    expect(names(source)).toEqual(['p0', 'p2']);
    expect(source.said).toEqual(['drop line_too_long 1']);
    expect(source.reports[0]?.fields.message).toMatch(
      /^.*audit\.log: a line of 3000\d+ bytes at byte \d+ is longer than/,
    );
  });

  it('gives an event once that was written twice', async () => {
    writeFileSync(log, auditLines(2) + auditLines(2) + auditLines(1, 2));
    const source = follow({}, { seen: ['audit-1/ResponseComplete'] });
    await source.until(has(2));
    expect(names(source)).toEqual(['p0', 'p2']);
    expect(source.position).toMatchObject({ offset: statSync(log).size });
  });
});

describe('a log that is rotated', () => {
  it('is read to the end of the old part, also of what is written to it late, then the new one', async () => {
    writeFileSync(log, auditLines(2));
    const source = follow({}, { longest: 60 });
    await source.until(has(2));
    renameSync(log, `${log}.1`);
    appendFileSync(`${log}.1`, auditLines(2, 2));
    writeFileSync(log, auditLines(2, 4));
    await source.until(has(6));
    expect(names(source)).toEqual(namesOf(6));
    expect(source.reports).toEqual([]);
  });

  it('is read on where it was left, through all parts that it was rotated into meanwhile', async () => {
    writeFileSync(log, auditLines(4));
    const first = follow();
    await first.until(has(4));
    await first.stop();
    appendFileSync(log, auditLines(1, 4));
    renameSync(log, join(folder, 'audit-2026-03-02T10-15-01.007.log'));
    writeFileSync(log, auditLines(2, 5));
    renameSync(log, join(folder, 'audit-2026-03-02T10-15-02.007.log'));
    writeFileSync(log, auditLines(1, 7));
    const second = follow({}, { position: first.position });
    await second.until(has(4));
    expect(names(second)).toEqual(namesOf(4, 4));
    expect(second.reports).toEqual([]);
  });

  it('is a gap that is said where its old part is gone', async () => {
    writeFileSync(log, auditLines(4));
    const first = follow();
    await first.until(has(4));
    await first.stop();
    rmSync(log);
    // Another file first, so that the inode is not used again.
    writeFileSync(join(folder, 'other'), '');
    writeFileSync(log, auditLines(6, 10));
    const second = follow({}, { position: first.position });
    await second.until(has(6));
    expect(names(second)).toEqual(namesOf(6, 10));
    expect(second.said).toEqual(['gap log_gone 1']);
  });

  it('is a gap that is said where it was cut, and read from its beginning', async () => {
    writeFileSync(log, auditLines(4));
    const source = follow();
    await source.until(has(4));
    truncateSync(log, 0);
    await source.until(({ said }) => said.length > 0);
    appendFileSync(log, auditLines(2, 4));
    await source.until(has(6));
    expect(names(source)).toEqual(namesOf(6));
    expect(source.said).toEqual(['gap truncated 1']);
  });

  it('is known to be another one behind the same inode, however large', async () => {
    writeFileSync(log, auditLines(2));
    const first = follow();
    await first.until(has(2));
    await first.stop();
    truncateSync(log, 0);
    appendFileSync(log, auditLines(9, 20));
    const second = follow({}, { position: first.position });
    await second.until(has(9));
    expect(names(second)).toEqual(namesOf(9, 20));
    expect(second.said).toEqual(['gap log_gone 1']);
  });

  it('by copying and cutting goes on in the copy, while it is followed and when it was not', async () => {
    writeFileSync(log, auditLines(2));
    const first = follow({}, { longest: 60 });
    await first.until(has(2));
    const rotate = (n: number, more: string, after: string) => {
      appendFileSync(log, more);
      copyFileSync(log, `${log}.${n}`);
      truncateSync(log, 0);
      appendFileSync(log, after);
    };
    rotate(1, auditLines(2, 2), auditLines(2, 4));
    await first.until(has(6));
    expect(names(first)).toEqual(namesOf(6));
    await first.stop();
    rotate(2, auditLines(1, 6), auditLines(3, 7));
    const second = follow({}, { position: first.position });
    await second.until(has(4));
    expect(names(second)).toEqual(namesOf(4, 6));
    expect([...first.reports, ...second.reports]).toEqual([]);
  });

  it('that is not there yet fails the source until it is, and is then read from its beginning', async () => {
    const first = follow({ start: 'end' });
    await first.until(({ end }) => end !== 'open');
    expect(String(first.end)).toMatch('ENOENT');
    writeFileSync(log, auditLines(2));
    const second = follow({ start: 'end' }, { position: first.position });
    await second.until(has(2));
    expect(second.reports).toEqual([]);
  });

  it('loses and repeats nothing, whatever is done to it between looks', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ write: fc.integer({ min: 1, max: 5 }), half: fc.boolean() }) },
      { weight: 1, arbitrary: fc.constant('rotate' as const) },
      { weight: 1, arbitrary: fc.constant('restart' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        folder = scratch();
        log = join(folder, 'audit.log');
        writeFileSync(log, '');
        let written = 0;
        let rest = '';
        let rotations = 0;
        const found: unknown[] = [];
        let source = follow({}, { longest: 1 });
        const halt = async () => {
          await source.stop();
          found.push(...names(source));
        };
        for (const each of steps) {
          if (each === 'restart') {
            await halt();
            source = follow({}, { longest: 1, position: source.position, seen: source.seen });
          } else if (each === 'rotate') {
            appendFileSync(log, rest);
            rest = '';
            renameSync(log, join(folder, `audit-2026-03-02T10-15-${String(10 + rotations++)}.000.log`));
            writeFileSync(log, '');
          } else {
            const text = rest + auditLines(each.write, written);
            written += each.write;
            const cut = each.half ? text.length - 50 : text.length;
            appendFileSync(log, text.slice(0, cut));
            rest = text.slice(cut);
          }
          await new Promise((done) => setTimeout(done, 1));
        }
        appendFileSync(log, rest);
        const wanted = namesOf(written);
        await source.until((it) => found.length + it.events.length >= written);
        await halt();
        expect(found).toEqual(wanted);
        expect(existsSync(log)).toBe(true);
      }),
      { numRuns: process.env.FALCO_PIPE_LONG ? 5000 : 40 },
    );
  });
});

describe('delivery', () => {
  it('does not go past what has not settled, and waits for credit', async () => {
    writeFileSync(log, auditLines(600));
    const source = follow({}, { settle: () => undefined, credit: 256 });
    await source.until(({ batches }) => batches.length === 1);
    await new Promise((done) => setTimeout(done, 30));
    expect(source.batches).toHaveLength(1);
    source.batches[0]?.ack.settle('delivered');
    await source.until(({ batches }) => batches.length === 2);
    const { offset } = source.position as { offset: number };
    expect(offset).toBe(Buffer.byteLength(auditLines(256)));
    const again = follow({}, { position: source.position, seen: source.seen });
    await again.until(has(344));
    expect(names(again)).toEqual(namesOf(344, 256));
  });

  it('emits again what failed', async () => {
    writeFileSync(log, auditLines(1));
    const source = follow({}, { settle: (_, index) => (index === 0 ? 'failed' : 'delivered') });
    await source.until(has(2));
    expect(names(source)).toEqual(['p0', 'p0']);
  });
});
