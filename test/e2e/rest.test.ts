/** What only the start needed is given back before the program is ready. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cannotTrace, Program, pipeline, repository, Stage, scratch } from './program.ts';

/** KiB of Node's own program that a process has mapped in memory, proc_pid_smaps(5). */
function ofNode(pid: number): number {
  let inside = false;
  let sum = 0;
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    if (/^[0-9a-f]+-/.test(line)) inside = line.endsWith('/node');
    else if (inside) sum += Number(/^Rss:\s+(\d+) kB/.exec(line)?.[1] ?? 0);
  }
  return sum;
}

describe.skipIf(cannotTrace)(`ready${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  test('it holds less of Node than a program that does nothing, and raises alerts', { timeout: 60_000 }, async () => {
    const stage = new Stage();
    const path = pipeline(
      scratch(),
      `sources: { node: { type: ebpf, scope: { descendants_of: ${stage.pid} } } }
operators: { detect: { type: rules, from: node, files: ${repository}/rules/host.yaml } }
sinks: { out: { type: stdout, from: detect, format: json } }
`,
    );
    const program = Program.start(['run', path]);
    await program.ready();
    const held = ofNode(program.child.pid as number);
    const nothing = spawn(process.execPath, ['-e', 'console.log(1); process.stdin.resume()']);
    await once(nothing.stdout, 'data');
    expect(held).toBeLessThan(ofNode(nothing.pid as number));
    nothing.stdin.end();
    await stage.run('/bin/true linpeas.sh at-rest');
    await program.until(({ stdout }) => stdout.includes('at-rest'));
    await stage.close();
    expect(await program.stop()).toBe(0);
  });
});
