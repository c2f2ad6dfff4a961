/** The main job: real actions on this machine become exactly the alerts that they should, through the built program. */

import { chmodSync, copyFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { cannotTrace, Program, pipeline, repository, Stage } from './program.ts';

/** Fields that no rule needs to print: an operator below asks for them, and so alerts carry them. */
const SEEN = '%proc.name|%proc.pname|%proc.aname[2]|%proc.cmdline|%user.name|%fd.name';

describe.skipIf(cannotTrace)(`live alerts${cannotTrace ? ` (skipped: ${cannotTrace})` : ''}`, () => {
  const folder = scratch();
  let stage: Stage;
  let program: Program;

  beforeAll(async () => {
    stage = new Stage();
    const path = pipeline(
      folder,
      `sources: { node: { type: ebpf, scope: { descendants_of: ${stage.pid} } } }
operators:
  detect: { type: rules, from: node, files: ${repository}/rules/host.yaml }
  shown: { type: map, from: detect, set: { seen: '${SEEN}' } }
sinks: { out: { type: stdout, from: shown, format: json } }
`,
    );
    program = Program.start(['run', path]);
    await program.ready();
  });

  afterAll(async () => {
    await stage.close();
    await program.stop();
  });

  /** What a command raised: rule and what SEEN shows, in order. The end of it is known by an alert of our own. */
  async function alertsOf(commands: string): Promise<string[]> {
    const before = program.json.length;
    const mark = `linpeas-${before}`;
    await stage.run(`${commands}\n/bin/true linpeas.sh ${mark}`);
    await program.until(({ stdout }) => stdout.includes(mark));
    return program.json
      .slice(before)
      .map(({ rule, output_fields: fields }) => `${rule}: ${(fields as { seen: string }).seen}`)
      .filter((line) => !line.includes(mark));
  }

  test('a shell started by a process named like a server, and not by another', async () => {
    const server = join(folder, 'nginx');
    const other = join(folder, 'worker');
    for (const path of [server, other]) copyFileSync('/bin/bash', path);
    const script = join(folder, 'cgi.sh');
    writeFileSync(script, '/bin/sh -c "exit 0"\ntrue\n');
    expect(await alertsOf(`${server} ${script}`)).toEqual([
      'Shell started by a network server: sh|nginx|sh|sh -c exit 0|root|<NA>',
    ]);
    expect(await alertsOf(`${other} ${script}`)).toEqual([]);
  });

  test('a sensitive file, also through a symbolic link, and not its neighbour', async () => {
    const link = join(folder, 'innocent');
    symlinkSync('/etc/shadow', link);
    expect(await alertsOf('cat /etc/shadow > /dev/null')).toEqual([
      'Password file read: cat|sh|<NA>|cat /etc/shadow|root|/etc/shadow',
    ]);
    expect(await alertsOf(`cat ${link} > /dev/null`)).toEqual([
      `Password file read: cat|sh|<NA>|cat ${link}|root|${link}`,
    ]);
    expect(await alertsOf('cat /etc/hostname /etc/passwd > /dev/null')).toEqual([]);
  });

  test('a write below /etc, on a mount of its own, and not a read there', async () => {
    const script = join(folder, 'etc.sh');
    writeFileSync(script, 'mount -t tmpfs none /etc\ncat /etc/app.conf 2>/dev/null\necho 1 > /etc/app.conf\n');
    expect(await alertsOf(`unshare --mount sh ${script}`)).toEqual([
      `Configuration below etc changed: sh|sh|<NA>|sh ${script}|root|/etc/app.conf`,
    ]);
  });

  test('a program run from /dev/shm, and not one from elsewhere', async () => {
    const name = `falco-pipe-test-${process.pid}`;
    expect(await alertsOf(`cp /bin/true /dev/shm/${name}; /dev/shm/${name}; rm /dev/shm/${name}`)).toEqual([
      `Program run from scratch space: ${name.slice(0, 15)}|sh|<NA>|${name.slice(0, 15)}|root|<NA>`,
    ]);
    const elsewhere = join(folder, 'harmless');
    copyFileSync('/bin/true', elsewhere);
    chmodSync(elsewhere, 0o755);
    expect(await alertsOf(elsewhere)).toEqual([]);
  });

  test('an outbound connection of a shell, and not one to this machine itself', async () => {
    const listener = join(folder, 'listener.mjs');
    writeFileSync(
      listener,
      `import { createServer } from 'node:net';
import { writeFileSync } from 'node:fs';
const server = createServer((socket) => socket.end()).listen(4444, '0.0.0.0', () => writeFileSync(process.argv[2], 'up'));
setTimeout(() => server.close(), 3000).unref();
`,
    );
    const client = join(folder, 'client.sh');
    writeFileSync(client, 'exec 3<>/dev/tcp/$1/4444\n');
    const up = join(folder, 'up');
    const script = join(folder, 'net.sh');
    // A network of the test's own: the public address is on its loopback device and leads nowhere.
    writeFileSync(
      script,
      `ip link set lo up; ip addr add 203.0.113.10/32 dev lo
${process.execPath} ${listener} ${up} & server=$!
while [ ! -e ${up} ]; do sleep 0.02; done
bash ${client} 127.0.0.1
bash ${client} 203.0.113.10
kill $server
`,
    );
    const alerts = await alertsOf(`unshare --net sh ${script}`);
    expect(alerts.map((line) => line.replace(/[\d.]+:\d+->/, 'LOCAL->'))).toEqual([
      `Shell connects to the network: bash|sh|sh|bash ${client} 203.0.113.10|root|LOCAL->203.0.113.10:4444`,
    ]);
  });
});
