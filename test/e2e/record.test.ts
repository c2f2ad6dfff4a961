/** `falco-pipe record`: what processes do, kept for a replay or as the kernel sends it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { cannotTrace, Program, pipeline, repository, Stage } from './program.ts';

describe.skipIf(cannotTrace)(`recording${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  const folder = scratch();
  const stage = new Stage();
  afterAll(() => stage.close());

  const start = (file: string, ...more: string[]) =>
    Program.start(['record', file, '--descendants-of', `${stage.pid}`, ...more]);
  const begun = (program: Program) => program.until(({ stderr }) => stderr.includes('recording to'));

  test('a recording is replayed as it was seen, and a signal ends it', async () => {
    const file = join(folder, 'a.jsonl.gz');
    const recording = start(file, '--rules', `${repository}/rules/host.yaml`);
    await begun(recording);
    await stage.run('cat /etc/shadow > /dev/null');
    expect(await recording.stop('SIGINT')).toBe(0);
    const lines = gunzipSync(readFileSync(file)).toString().trim().split('\n').length;
    expect(recording.stderr).toContain(`${lines} records written to ${file}, 0 lost`);
    const path = pipeline(
      folder,
      `sources: { past: { type: replay, files: ${file} } }
operators: { detect: { type: rules, from: past, files: ${repository}/rules/host.yaml } }
sinks: { out: { type: stdout, from: detect, format: json } }
`,
    );
    const { json } = await Program.run(['run', path]);
    expect(json.map(({ output_fields: fields }) => (fields as Record<string, unknown>)['proc.cmdline'])).toEqual([
      'cat /etc/shadow',
    ]);
  });

  test.each([[], ['--raw']])('the time it is given begins with the recording, not with the program', async (...raw) => {
    const recording = start(join(folder, 'b'), '--for', '2s', ...raw);
    await begun(recording);
    const began = Date.now();
    expect(await recording.ended).toBe(0);
    // A little is taken off for the way of that line to here.
    expect(Date.now() - began).toBeGreaterThan(1500);
    expect(recording.stderr).toMatch(/0 (records )?lost/);
  });
});
