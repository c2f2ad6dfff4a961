import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { SourceContext } from '../../src/core/component.ts';
import { UserError } from '../../src/core/errors.ts';
import type { Batch } from '../../src/core/flow/batch.ts';
import { Counters } from '../../src/core/metrics.ts';
import { EventRecord } from '../../src/events/record.ts';
import { recordJson } from '../../src/events/record-json.ts';
import { replay } from '../../src/sources/replay.ts';
import { numbersOf, recordedLog } from '../core/shared.ts';
import { scratch } from '../scratch.ts';

let folder = '';
beforeEach(() => {
  folder = scratch();
});

const line = (n: number, source = 'syscall') => recordJson(new EventRecord(source, 'open', BigInt(n), { n }));
const linesOf = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => `${line(from + index)}\n`).join('');

function write(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return name;
}

interface Played {
  readonly batches: Batch[];
  readonly positions: { file: number; line: number }[];
  readonly reports: string[];
  readonly slept: number[];
  readonly credits: number[];
  /** `complete`, or the error. */
  readonly end: unknown;
}

/**
 * Opens the source and settles each batch as `settle` says (by default delivered, at once). With `stopAfter` it is stopped
 * after so many batches, or when no more come.
 */
function play(
  given: object,
  options: { position?: unknown; settle?: (batch: Batch, index: number) => void; stopAfter?: number } = {},
): Promise<Played> {
  const batches: Batch[] = [];
  const positions: { file: number; line: number }[] = [];
  const reports: string[] = [];
  const slept: number[] = [];
  const credits: number[] = [];
  const stop = new AbortController();
  let clock = 0;
  const ctx: SourceContext = {
    id: 'past',
    signal: stop.signal,
    log: recordedLog().log,
    metrics: new Counters(),
    now: () => clock,
    sleep: async (ms) => {
      slept.push(ms);
      clock += ms;
    },
    resolve: (path) => join(folder, path),
    demand: new Map(),
    onDemand: () => () => {},
    unseen: async (ids) => ids,
    committed: async () => {},
    credit: async (count) => void credits.push(count),
    release: () => {},
    report: (type, { reason, message }) => reports.push(`${type} ${reason}: ${message}`),
    reports: () => () => {},
    reject: () => {},
    trouble: () => {},
    onStop: () => () => {},
    crowded: () => 0,
    books: () => ({ seen: 0, delivered: 0, filtered: 0, dropped: 0, pipeline: '' }),
    position: () => options.position,
    advance: (position) => positions.push(position as never),
  };
  return new Promise((resolve) => {
    let quiet: NodeJS.Timeout | undefined;
    const halt = () => {
      subscription.unsubscribe();
      stop.abort(new Error('stopped'));
      setTimeout(done, 30, 'stopped');
    };
    const done = (end: unknown) => resolve({ batches, positions, reports, slept, credits, end });
    const subscription = replay.open(replay.config.parse(given), ctx).subscribe({
      next(batch) {
        batches.push(batch);
        if (options.settle) options.settle(batch, batches.length - 1);
        else batch.ack.settle('delivered');
        if (options.stopAfter === undefined) return;
        clearTimeout(quiet);
        if (batches.length === options.stopAfter) halt();
        else quiet = setTimeout(halt, 30);
      },
      complete: () => done('complete'),
      error: done,
    });
  });
}

const played = ({ batches }: Played) => batches.flatMap((batch) => numbersOf(batch.events as never));

describe('replay', () => {
  it('gives every record once, in order, from plain and gzip files one after the other', async () => {
    const files = [write('a.jsonl', linesOf(600)), write('b.jsonl.gz', gzipSync(linesOf(300, 600)))];
    const result = await play({ files });
    expect(result.end).toBe('complete');
    expect(played(result)).toEqual(Array.from({ length: 900 }, (_, n) => n));
    expect(Math.max(...result.batches.map(({ events }) => events.length))).toBe(256);
    expect(result.credits).toEqual(result.batches.map(({ events }) => events.length));
    expect(result.positions.at(-1)).toEqual({ file: 2, line: 0 });
  });

  it('reads several gzip members, CRLF, blank lines and a last line without an end', async () => {
    const members = Buffer.concat([gzipSync(`${line(1)}\r\n\r\n`), gzipSync(`  \n${line(2)}\n${line(3)}`)]);
    const result = await play({ files: write('x.gz', members) });
    expect(played(result)).toEqual([1, 2, 3]);
    expect(played(await play({ files: write('x.jsonl', members) }))).toEqual([1, 2, 3]);
    expect((await play({ files: write('empty.jsonl', '') })).end).toBe('complete');
  });

  it('ends a line nowhere else', async () => {
    const command = 'a\u2028b\u2029c\u0085d';
    const record = recordJson(new EventRecord('syscall', 'open', 1n, { n: 1, 'proc.cmdline': command }));
    expect(record).toContain(command);
    const result = await play({ files: write('x.jsonl', `${record}\n${line(2)}\n`) });
    expect(result.end).toBe('complete');
    expect(result.batches[0]?.events.at(0)?.get('proc.cmdline')).toBe(command);
    expect(played(result)).toEqual([1, 2]);
  });

  it('keeps the order of event sources, each batch of one', async () => {
    const sources = ['syscall', 'syscall', 'internal', 'syscall', 'internal', 'internal'];
    const text = sources.map((source, n) => `${line(n, source)}\n`).join('');
    const result = await play({ files: write('a.jsonl', text), emits: ['syscall', 'internal'] });
    expect(result.batches.map(({ source, events }) => [source, ...numbersOf(events as never)])).toEqual([
      ['syscall', 0, 1],
      ['internal', 2],
      ['syscall', 3],
      ['internal', 4, 5],
    ]);
  });

  it('paces by `rate`: as many as are due, however large the file', async () => {
    const result = await play({ files: write('a.jsonl', linesOf(100)), rate: 40 });
    expect(result.batches.map(({ events }) => events.length)).toEqual(Array(50).fill(2));
    expect(result.slept.reduce((sum, ms) => sum + ms)).toBeCloseTo(2500);
    const slow = await play({ files: write('b.jsonl', linesOf(3)), rate: 0.5 });
    expect(slow.slept).toEqual([2000, 2000, 2000]);
  });
});

describe('where it stands', () => {
  it('is never past a record that is not settled, and what follows it is the rest', async () => {
    const kinds = fc.array(fc.constantFrom('syscall', 'internal', 'blank', 'bad'), { minLength: 1, maxLength: 30 });
    const lastOf = (positions: Played['positions']) => positions.at(-1) ?? { file: 0, line: 0 };
    await fc.assert(
      fc.asyncProperty(kinds, fc.nat(), fc.integer({ min: 1, max: 6 }), async (kinds, held, stopAfter) => {
        const text = (kind: string, n: number) => ({ blank: '', bad: '{' })[kind] ?? line(n, kind);
        const files = write('a.jsonl', kinds.map((kind, n) => `${text(kind, n)}\n`).join(''));
        const config = { files, emits: ['syscall', 'internal'], on_error: 'skip', rate: 40 };
        const first = await play(config, {
          stopAfter,
          settle: (batch, index) => index !== held % stopAfter && batch.ack.settle('delivered'),
        });
        const settled = first.batches.filter((_, index) => index !== held % stopAfter);
        const second = await play(config, { position: lastOf(first.positions) });
        const all = [...settled.flatMap((batch) => numbersOf(batch.events as never)), ...played(second)];
        const records = kinds.flatMap((kind, n) => (kind === 'syscall' || kind === 'internal' ? [n] : []));
        // At least once: all of them, and none that is not there.
        expect([...new Set(all)].sort((a, b) => Number(a) - Number(b))).toEqual(records);
        expect(lastOf([...first.positions, ...second.positions])).toEqual({ file: 1, line: 0 });
      }),
      { numRuns: 30 },
    );
  });

  it('goes on in the second file, and gives nothing when all was settled', async () => {
    const files = [write('a.jsonl', linesOf(5)), write('b.jsonl', linesOf(5, 5))];
    expect(played(await play({ files }, { position: { file: 1, line: 2 } }))).toEqual([7, 8, 9]);
    expect(played(await play({ files }, { position: { file: 2, line: 0 } }))).toEqual([]);
  });

  it('begins anew when what was stored makes no sense', async () => {
    const files = write('a.jsonl', linesOf(2));
    for (const position of ['x', { file: -1, line: 0 }, { line: 1 }]) {
      expect(played(await play({ files }, { position }))).toEqual([0, 1]);
    }
  });

  it('a batch that failed is given again before it completes', async () => {
    let tries = 0;
    const result = await play(
      { files: write('a.jsonl', linesOf(3)) },
      { settle: (batch) => batch.ack.settle(++tries < 3 ? 'failed' : 'delivered') },
    );
    expect(result.end).toBe('complete');
    expect(played(result)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
    expect(result.slept).toHaveLength(2);
  });
});

describe('what cannot be replayed', () => {
  const messageOf = ({ end }: Played) => (end as UserError).message;

  it('a line that is no record stops it, with the place and the cause', async () => {
    const files = write('a.jsonl', `${line(1)}\n{"source":"syscall","time":"now","type":"x","fields":{}}\n`);
    const result = await play({ files });
    expect(result.end).toBeInstanceOf(UserError);
    expect(messageOf(result)).toBe(
      "a.jsonl:2:21: error: 'time' must be an integer, not the text 'now'\n" +
        '  Write nanoseconds since 1970, for example 1700000000000000000.',
    );
  });

  it('or is counted and left out', async () => {
    const files = write('a.jsonl', `${line(1)}\nnonsense\n${line(2, 'alert')}\n${line(3)}\n`);
    const result = await play({ files, on_error: 'skip' });
    expect(played(result)).toEqual([1, 3]);
    expect(result.reports.map((report) => report.split('\n')[0])).toEqual([
      expect.stringMatching(/^drop bad_record: a.jsonl:2:\d: error: this line is not JSON$/),
      'drop bad_record: a.jsonl:3:1: error: A record of the event source "alert" where only syscall is announced',
    ]);
  });

  it('a file that is not there, a folder, a file that is no gzip', async () => {
    expect(messageOf(await play({ files: 'none.jsonl' }))).toBe(
      'Cannot read records from none.jsonl: there is no such file',
    );
    expect(messageOf(await play({ files: '.' }))).toBe('Cannot read records from .: it is a folder');
    const wrong = await play({ files: write('a.gz', linesOf(3)) });
    expect(messageOf(wrong)).toBe('Cannot read records from a.gz: it is not gzip, though its name says so');
  });

  it('a gzip file that was cut off: what can be read is given, then it says so', async () => {
    const whole = gzipSync(linesOf(5000));
    const result = await play({ files: write('a.gz', whole.subarray(0, whole.length / 2)) });
    expect(messageOf(result)).toBe('Cannot read records from a.gz: it ends in the middle of what is compressed');
    const numbers = played(result);
    expect(numbers.length).toBeGreaterThan(256);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, n) => n));
  });

  it('says nothing more once it was stopped', async () => {
    const result = await play({ files: write('a.jsonl', linesOf(50_000)) }, { stopAfter: 2 });
    expect(result.end).toBe('stopped');
    expect(result.batches).toHaveLength(2);
  });
});
