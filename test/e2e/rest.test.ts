/** What only the start needed is given back. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { scratch } from '../scratch.ts';
import { cannotTrace, Program, pipeline, repository, Stage } from './program.ts';

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
    const nothing = spawn(process.execPath, ['-e', 'console.log(1); process.stdin.resume()']);
    await once(nothing.stdout, 'data');
    const least = ofNode(nothing.pid as number);
    // What is made ready for the first events is made so when the program already says that it is there.
    await vi.waitFor(() => expect(ofNode(program.child.pid as number)).toBeLessThan(least), { timeout: 20_000 });
    nothing.stdin.end();
    await stage.run('/bin/true linpeas.sh at-rest');
    await program.until(({ stdout }) => stdout.includes('at-rest'));
    await stage.close();
    expect(await program.stop()).toBe(0);
  });
});
