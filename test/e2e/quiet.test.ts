/** Everyday work under our rules: package managers and builds raise no alert. */

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { cannotTrace, Program, pipeline, repository, Stage } from './program.ts';

const why = cannotTrace ?? (existsSync('/usr/bin/apt-get') ? undefined : 'no apt-get');

describe.skipIf(why)(`everyday work${why ? ` (skipped: ${why})` : ''}`, () => {
  test('apt-get install, npm ci and make build: no alert', { timeout: 600_000 }, async () => {
    const folder = scratch();
    const clone = join(folder, 'clone');
    execFileSync('git', ['clone', '--quiet', '--depth=1', `file://${repository}`, clone]);
    const stage = new Stage();
    const path = pipeline(
      folder,
      `sources: { node: { type: ebpf, scope: { descendants_of: ${stage.pid} } }, self: { type: internal } }
operators: { detect: { type: rules, from: node, files: ${repository}/rules/host.yaml } }
sinks: { out: { type: stdout, from: [detect, self], format: json } }
`,
    );
    const program = Program.start(['run', path]);
    await program.ready();
    const failed = join(folder, 'failed');
    const step = (command: string) =>
      `( cd ${clone} && ${command} ) > ${folder}/log 2>&1 || cat ${folder}/log >> ${failed}`;
    await stage.run(step('apt-get install --yes --reinstall hostname'));
    await stage.run(step('make build')); // with two npm ci
    // The end is known by an alert of our own: everything before it has been judged.
    await stage.run('/bin/true linpeas.sh the-end');
    await program.until(({ stdout }) => stdout.includes('the-end'));
    await stage.close();
    expect(await program.stop()).toBe(0);
    expect(existsSync(failed) ? execFileSync('cat', [failed], { encoding: 'utf8' }) : '').toBe('');
    const said = program.stdout.trim().split('\n');
    // That a busy machine kept the program waiting is no alert.
    expect(said.filter((line) => !/the-end|"type":"(health|heartbeat)"/.test(line))).toEqual([]);
    expect(program.stderr).toMatch(/dropped 0/);
  });
});
