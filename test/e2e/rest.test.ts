/** What the start needed is given back by an agent that has nothing to do. */

import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { cannotTrace, Program, pipeline, repository, Stage, scratch } from './program.ts';

const residentKb = (pid: number) =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

describe.skipIf(cannotTrace)(`at rest${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  test('a quarter of the memory is given back, and alerts come as before', { timeout: 60_000 }, async () => {
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
    const pid = program.child.pid as number;
    const before = residentKb(pid);
    await vi.waitFor(() => expect(residentKb(pid)).toBeLessThan(before * 0.75), { timeout: 30_000, interval: 200 });
    await stage.run('/bin/true linpeas.sh at-rest');
    await program.until(({ stdout }) => stdout.includes('at-rest'));
    await stage.close();
    expect(await program.stop()).toBe(0);
  });
});
