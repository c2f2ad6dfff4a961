import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { Accounts } from '../../src/events/accounts.ts';
import { KIND } from '../../src/events/kernel/layout.ts';
import { RawReplay, RawWriter, readRaw } from '../../src/events/kernel/raw-file.ts';
import { shell as anyShell, open as openOf } from './shell.ts';
import { type Fields, record, ring } from './slab-writer.ts';

const shell: Fields = { ...anyShell, kind: 'scan' };
const open = (raw: string): Fields => openOf(raw, { ...anyShell, time: 5 });
const names = new Accounts();

function recording(): Buffer {
  const parts: Buffer[] = [];
  const writer = new RawWriter((bytes) => parts.push(Buffer.from(bytes)), {
    bootOffset: 1_700_000_000_123_456_789n,
    hostMountNamespace: 7,
  });
  writer.scan(ring([record(shell)]));
  writer.slab(ring([record(open('/a')), record(open('/b'))]));
  writer.slab(
    ring([record({ ...shell, kind: 'exec', exec_id: 4, exe_path: '/bin/zsh' }), record({ ...open('/c'), exec_id: 4 })]),
  );
  return Buffer.concat(parts);
}

describe('a raw recording', () => {
  it('plays as it was recorded', () => {
    const replay = new RawReplay(readRaw(recording(), 'x.raw'), names, new Set([KIND.open]));
    const rows: unknown[] = [];
    for (const slab of replay.slabs()) {
      for (let index = 0; index < slab.length; index++) {
        const event = slab.at(index);
        rows.push([event?.get('fd.name'), event?.get('proc.exepath'), event?.time]);
      }
      slab.release();
    }
    const time = 1_700_000_000_123_456_794n;
    expect(rows).toEqual([
      ['/a', '/bin/bash', time],
      ['/b', '/bin/bash', time],
      ['/c', '/bin/zsh', time],
    ]);
    expect(replay.processes.counts.missed).toBe(0);
  });

  it('that is none, is cut, or is from elsewhere, is refused by name', () => {
    const good = recording();
    const changed = (from: string, to: string) => Buffer.from(good.toString('latin1').replace(from, to), 'latin1');
    expect(() => readRaw(Buffer.from('hello\n'), 'x.raw')).toThrow(/^x\.raw is no recording.*no JSON/);
    expect(() => readRaw(Buffer.alloc(0), 'x.raw')).toThrow(/no recording/);
    expect(() => readRaw(Buffer.from('{}\n'), 'x.raw')).toThrow(/does not say so/);
    expect(() => readRaw(good.subarray(0, -3), 'x.raw')).toThrow(/cut off at byte/);
    expect(() => readRaw(changed('"version":1', '"version":2'), 'x.raw')).toThrow(/another version/);
    expect(() => readRaw(changed(`"arch":"${process.arch}"`, '"arch":"z80"'), 'x.raw')).toThrow(/recorded on z80/);
  });

  it('never crashes the reader, whatever is changed', () => {
    const good = recording();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
        (changes) => {
          const bytes = Buffer.from(good);
          for (const [at, value] of changes) bytes[at] = value;
          try {
            const replay = new RawReplay(readRaw(bytes, 'x.raw'), names);
            for (const slab of replay.slabs()) {
              for (let index = 0; index < slab.length; index++) slab.at(index)?.get('evt.args');
              slab.release();
            }
          } catch (error) {
            expect(error).toBeInstanceOf(UserError);
          }
        },
      ),
    );
  });
});
