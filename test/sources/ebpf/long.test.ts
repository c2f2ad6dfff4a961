/** Arguments and environments that are longer than what is kept of them, or than one record used to hold. */

import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { longerBlocks } from '../../../src/sources/ebpf/longer-blocks.ts';
import { whyNot } from '../../native/harness.ts';
import { Shell, Watch } from './shell.ts';

const ARGUMENTS = ['proc.cmdline', 'proc.args.cut', 'proc.args.total', 'proc.cmdnargs', 'proc.cmdlenargs'];
const FIELDS = ['evt.type', 'proc.name', 'proc.pid', ...ARGUMENTS];
const ENVIRONMENT = [
  'proc.env',
  'proc.env[FIRST]',
  'proc.env[LAST]',
  'proc.env[NONE]',
  'proc.env.cut',
  'proc.env.total',
];
const HIDDEN = 'echo aWQK | base64 -d | sh';
const letters = (length: number) => `$(/usr/bin/head -c ${length} /dev/zero | /usr/bin/tr '\\0' a)`;

describe.skipIf(whyNot())('long arguments', () => {
  let shell: Shell;
  let watch: Watch | undefined;
  beforeEach(async () => {
    shell = new Shell();
    await shell.run(':');
  });
  afterEach(async () => {
    watch?.stop();
    await shell.stop();
  });

  /** The execution of `true` with these arguments. */
  async function execution(line: string, config: object = {}, fields = FIELDS) {
    watch = new Watch(shell, fields, ['execve'], config);
    await shell.run(line);
    return watch.until((row) => row['proc.name'] === 'true');
  }

  it('in front of a command do not hide it', async () => {
    const row = await execution(`/bin/true ": ${letters(4200)}; ${HIDDEN}"`);
    expect(row).toMatchObject({ 'proc.cmdline': `true : ${'a'.repeat(4200)}; ${HIDDEN}`, 'proc.args.cut': false });
  });

  it('of any length have their beginning, their end and what is missing told, and are counted', async () => {
    const row = await execution(`/bin/true begin ": ${letters(100_000)}; ${HIDDEN}" tail`);
    const total = '/bin/true begin '.length + ': ; '.length + 100_000 + HIDDEN.length + ' tail '.length;
    expect(row).toMatchObject({ 'proc.args.cut': true, 'proc.args.total': total, 'proc.cmdnargs': 3 });
    expect(row['proc.cmdline']).toMatch(/^true begin : a+\[\d+ bytes cut\]a+; echo aWQK \| base64 -d \| sh tail$/);
    expect(row['proc.cmdline']).toContain(`[${total - 5120} bytes cut]`);
    expect(row['proc.cmdlenargs']).toBe(5120 - '/bin/true'.length - 4);
    watch?.stop();
    expect([watch?.ctx.metrics.total('process_args_cut'), watch?.ctx.metrics.total('process_env_cut')]).toEqual([1, 0]);
  });

  it('are whole up to 32 KiB where that is wanted', async () => {
    const config = { max_args: '32KiB' };
    const row = await execution(`/bin/true ": ${letters(32_000)}; ${HIDDEN}"`, config);
    expect(row).toMatchObject({ 'proc.cmdline': `true : ${'a'.repeat(32_000)}; ${HIDDEN}`, 'proc.args.cut': false });
    watch?.stop();
    const longer = await execution(`/bin/true ": ${letters(90_000)}; ${HIDDEN}"`, config);
    expect(longer['proc.args.cut']).toBe(true);
    expect(longer['proc.cmdline']).toMatch(/^true : a{32756}\[\d+ bytes cut\]a+; echo aWQK \| base64 -d \| sh$/);
    watch?.stop();
    expect(watch?.ctx.said).toEqual([]);
    expect(watch?.ctx.metrics.total('kernel_shortened')).toBe(0);
  });

  it('many of them are known by their places as far as these are sure', async () => {
    const fields = [...FIELDS, 'proc.args[0]', 'proc.args[700]', 'proc.args[3999]'];
    const line = '/bin/true $(/usr/bin/seq 4000)';
    expect(await execution(line, {}, fields)).toMatchObject({ 'proc.args.cut': true, 'proc.args[0]': '1' });
    expect(watch?.rows.at(-1)).toMatchObject({ 'proc.args[700]': '701', 'proc.args[3999]': undefined });
    expect(watch?.rows.at(-1)?.['proc.cmdline']).toMatch(/ 3999 4000$/);
    watch?.stop();
    expect(await execution(line, { max_args: '20KiB' }, fields)).toMatchObject({
      'proc.args.cut': false,
      'proc.args[3999]': '4000',
      'proc.cmdnargs': 4000,
    });
  });

  it('in the environment hide no variable', async () => {
    const line = `/usr/bin/env -i FIRST=1 "B=${letters(100_000)}" LAST=/tmp/x.so /bin/true`;
    const fields = [...FIELDS, ...ENVIRONMENT];
    const row = await execution(line, {}, fields);
    expect(row).toMatchObject({ 'proc.env[FIRST]': '1', 'proc.env[LAST]': '/tmp/x.so', 'proc.env[NONE]': undefined });
    expect(row).toMatchObject({
      'proc.env.cut': true,
      'proc.env.total': 100_000 + 'FIRST=1 B= LAST=/tmp/x.so '.length,
    });
    expect(row['proc.env']).toMatch(/^FIRST=1 B=a+\[\d+ bytes cut\]a+ LAST=\/tmp\/x\.so$/);
    watch?.stop();
    expect(watch?.ctx.metrics.total('process_env_cut')).toBe(1);
    const whole = await execution(line.replace('100000', '30000'), { max_env: '32KiB' }, fields);
    expect(whole).toMatchObject({ 'proc.env.cut': false, 'proc.env[NONE]': '', 'proc.args.cut': false });
    expect(whole['proc.env']).toBe(`FIRST=1 B=${'a'.repeat(30_000)} LAST=/tmp/x.so`);
  });

  it('fit into the smallest ring as ever, and nothing is lost there', async () => {
    const row = await execution(`/bin/true ": ${letters(30_000)}; ${HIDDEN}"`, { max_args: '32KiB', ring: '64KiB' });
    expect(row['proc.cmdline']).toMatch(/^true : a{4084}\[\d+ bytes cut\]a+; echo aWQK \| base64 -d \| sh$/);
    watch?.stop();
    expect(watch?.ctx.said).toEqual([]);
    // Within `max_args`, but the ring has no room for it.
    expect(watch?.ctx.metrics.total('kernel_shortened')).toBe(1);
  });

  it('of a process that ran before are known as well', async () => {
    const before = new Shell('-s', 'begin', 'a'.repeat(30_000), 'tail');
    await before.run(':');
    try {
      for (const [config, cut] of [
        [{}, true],
        [{ max_args: '32KiB' }, false],
      ] as const) {
        const look = new Watch(before, FIELDS, ['openat'], config);
        await before.run('read x < /etc/hostname');
        const row = await look.until((row) => row['proc.pid'] === before.pid);
        look.stop();
        expect(row).toMatchObject({
          'proc.args.cut': cut,
          'proc.args.total': 30_000 + '/bin/sh -s begin  tail '.length,
        });
        expect(row['proc.cmdline']).toMatch(
          cut ? /^sh -s begin a+\[\d+ bytes cut\]a+ tail$/ : /^sh -s begin a{30000} tail$/,
        );
      }
    } finally {
      await before.stop();
    }
  });

  it('of a process that is another one by now are not taken for its own', async () => {
    const longer = longerBlocks({ cmdline: 32_768, environ: 4096 });
    const other = new Shell('-s', 'a'.repeat(30_000), 'tail');
    await other.run(':');
    try {
      const whole = readFileSync(`/proc/${other.pid}/cmdline`);
      const kept = Buffer.concat([whole.subarray(0, 4096), whole.subarray(-1024)]);
      expect(longer(other.pid, 'cmdline', kept, whole.length)).toEqual(whole);
      expect(longer(other.pid, 'cmdline', kept, whole.length + 1), 'another length').toBe(kept);
      for (const at of [3, 4095, 4096, 5119]) {
        const changed = Buffer.from(kept);
        changed[at] = 0x62;
        expect(longer(other.pid, 'cmdline', changed, whole.length), `another byte ${at}`).toBe(changed);
      }
      expect(longer(2 ** 22 + 1, 'cmdline', kept, whole.length), 'nobody').toBe(kept);
    } finally {
      await other.stop();
    }
  });
});
