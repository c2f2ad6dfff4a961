/** Rules that name hosts fire on connections to their addresses. */

import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { cannotTrace, Program, pipeline, Stage } from './program.ts';

const RULES = `
- list: hosts
  items: [localhost, nowhere.invalid]
- rule: To a host
  desc: d
  condition: evt.type = connect and fd.sip.name in (hosts)
  output: "%proc.name to %fd.sip.name, from %fd.cip.name at %fd.sip"
  priority: NOTICE
- rule: To another host
  desc: d
  condition: evt.type = connect and fd.sip.name != localhost and fd.sport exists
  output: "%fd.sip is no localhost"
  priority: NOTICE
`;

describe.skipIf(cannotTrace)(`names of hosts${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  let server: Server;
  let stage: Stage;
  let port = 0;
  beforeAll(async () => {
    stage = new Stage();
    server = createServer((socket) => socket.destroy()).listen(0, '0.0.0.0');
    await new Promise((done) => server.once('listening', done));
    port = (server.address() as { port: number }).port;
  });
  afterAll(async () => {
    await stage.close();
    server.close();
  });

  test('are compared with addresses; what has no address is said', async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'rules.yaml'), RULES);
    const file = pipeline(
      folder,
      `
sources: { node: { type: ebpf, scope: { descendants_of: ${stage.pid} } } }
operators: { detect: { type: rules, from: node, files: [rules.yaml] } }
sinks: { out: { type: stdout, from: detect, format: json } }
`,
    );
    const program = Program.start(['run', file]);
    await program.ready();
    await program.until(({ stderr }) => stderr.includes('no address is known for nowhere.invalid'));
    await stage.run(`/bin/bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}; exec 3<>/dev/tcp/127.0.0.7/${port}'`);
    await program.until(({ json }) => json.length === 2);
    expect(program.json.map(({ rule, output_fields: fields }) => [rule, fields])).toEqual([
      [
        'To a host',
        expect.objectContaining({ 'fd.sip.name': 'localhost', 'fd.cip.name': 'localhost', 'fd.sip': '127.0.0.1' }),
      ],
      ['To another host', expect.objectContaining({ 'fd.sip': '127.0.0.7' })],
    ]);
    expect(await program.stop()).toBe(0);
  });
});
